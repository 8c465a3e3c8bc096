"""Create an upload: an asset row, and a form that lets its owner send exactly that file."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from dailies.domain.assets import Asset, AssetKind
from dailies.domain.ids import NewId
from dailies.domain.ports import Clock, Ledger, MediaStore, UploadForm

ImageType = Literal["image/png", "image/jpeg"]
VideoType = Literal["video/mp4", "video/quicktime", "video/webm", "video/x-matroska"]
MAX_IMAGE_BYTES = 50 * 1024 * 1024
MAX_VIDEO_BYTES = 200 * 1024 * 1024
_FORM_EXPIRES_S = 900


@dataclass(frozen=True)
class Upload:
    """An asset to come, and the form that brings it."""

    asset: Asset
    form: UploadForm = field(repr=False)
    expires_at: dt.datetime


def create_upload(
    *,
    tenant: str,
    content_type: ImageType | VideoType,
    size_bytes: int,
    ledger: Ledger,
    media: MediaStore,
    clock: Clock,
    new_id: NewId,
) -> Upload:
    """Return a new asset, and a presigned form bound to its key, its type and its size."""
    now = clock.now()
    asset_id = new_id("ast", now)
    asset = Asset(
        asset_id=asset_id,
        tenant=tenant,
        kind=AssetKind.UPLOAD,
        key=f"uploads/{tenant}/{asset_id}",
        content_type=content_type,
        size_bytes=0,
        max_bytes=size_bytes,
        created_at=now,
    )
    form = media.upload_form(
        asset.key, content_type=content_type, max_bytes=size_bytes, expires_s=_FORM_EXPIRES_S
    )
    ledger.put_asset(asset)
    return Upload(asset=asset, form=form, expires_at=now + dt.timedelta(seconds=_FORM_EXPIRES_S))
