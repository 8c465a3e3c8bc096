"""Read assets: facts, and URLs of their bytes. The only place that checks whose asset it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from dailies.domain.assets import Asset, AssetKind
from dailies.domain.errors import NotFoundError
from dailies.domain.media_types import VIDEO_SUFFIXES
from dailies.domain.ports import Clock, Ledger, MediaStore

_EXTENSIONS = {**VIDEO_SUFFIXES, "image/png": ".png", "image/jpeg": ".jpg"}


@dataclass(frozen=True)
class SignedUrl:
    """A URL that fetches one asset until `expires_at`, for whoever holds it."""

    url: str = field(repr=False)
    expires_at: dt.datetime


def read_asset(asset_id: str, *, tenant: str, ledger: Ledger) -> Asset:
    """Return the tenant's asset, or raise NotFoundError; another tenant's does not exist either."""
    asset = ledger.asset(asset_id)
    if asset is None or asset.tenant != tenant:
        raise NotFoundError(f"There is no asset {asset_id}.")
    return asset


def sign_download(
    asset_id: str,
    *,
    tenant: str,
    expires_s: int,
    ledger: Ledger,
    media: MediaStore,
    clock: Clock,
) -> SignedUrl:
    """Return a fresh URL of the tenant's asset, or raise NotFoundError where it has no bytes."""
    asset = read_asset(asset_id, tenant=tenant, ledger=ledger)
    if asset.kind is AssetKind.UPLOAD and media.head(asset.key) is None:
        raise NotFoundError(f"Nothing was uploaded to {asset_id} yet.")
    url = media.download_url(
        asset.key,
        filename=asset.asset_id + _EXTENSIONS.get(asset.content_type, ""),
        content_type=asset.content_type,
        expires_s=expires_s,
    )
    return SignedUrl(url=url, expires_at=clock.now() + dt.timedelta(seconds=expires_s))
