"""What the API shows of models, uploads and assets, and what it takes for them."""

from __future__ import annotations

import datetime as dt
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from dailies.domain.assets import Asset, AssetKind, MediaFacts, Quality
from dailies.domain.catalogue import (
    Catalogue,
    InputLimits,
    Latency,
    Lifecycle,
    Mode,
    ModelSpec,
    ModeSpec,
    Price,
    VendorSpec,
)
from dailies.handlers.api.view import View
from dailies.services.create_upload import (
    MAX_IMAGE_BYTES,
    MAX_VIDEO_BYTES,
    ImageType,
    Upload,
    VideoType,
)

_DOWNLOAD_EXPIRES_S = 900


class ModelView(View):
    """One model, and what it can do, costs and usually takes."""

    model_config = ConfigDict(title="Model")

    model: str = Field(examples=["kling/kling-3.0"])
    """What to send as `model` of a job."""
    vendor: str
    title: str
    status: Literal["current", "deprecated", "retired"]
    lifecycle: Lifecycle
    prompt_max_chars: int
    modes: dict[Mode, ModeSpec]
    prices: list[Price]
    latency_s: Latency
    input_image: InputLimits
    input_video: InputLimits | None
    """Null where no model of the vendor takes a video."""


class ModelList(View):
    """Every model of the catalogue."""

    items: list[ModelView]


class UploadBody(View):
    """A file to come."""

    model_config = ConfigDict(
        title="UploadRequest",
        json_schema_extra={
            "if": {"properties": {"content_type": {"enum": [*get_args(ImageType)]}}},
            "then": {"properties": {"size_bytes": {"maximum": MAX_IMAGE_BYTES}}},
        },
    )

    content_type: ImageType | VideoType
    size_bytes: int = Field(ge=1, le=MAX_VIDEO_BYTES)
    """The form takes a file of at most this size."""

    @field_validator("size_bytes")
    @classmethod
    def _fits_type(cls, size_bytes: int, info: ValidationInfo) -> int:
        if size_bytes > MAX_IMAGE_BYTES and info.data.get("content_type") in get_args(ImageType):
            limit = {"limit": MAX_IMAGE_BYTES}
            raise PydanticCustomError("too_big", "An image may have at most {limit} bytes.", limit)
        return size_bytes


class UploadView(View):
    """A form to POST as multipart/form-data: every field as given, then the file as `file`."""

    model_config = ConfigDict(title="Upload")

    asset_id: str
    url: str
    fields: dict[str, str]
    max_bytes: int
    expires_at: dt.datetime


class AssetView(View):
    """What is known of a file."""

    model_config = ConfigDict(title="Asset")

    asset_id: str
    kind: AssetKind
    job_id: str | None
    """The job that made it."""
    content_type: str
    size_bytes: int | None
    """Null for an upload that was not looked at yet."""
    sha256: str | None
    """Of the whole file, in hex, where it is known."""
    sha256_composite: str | None
    """S3's composite checksum, in base64."""
    media: MediaFacts | None
    """What decoding it showed."""
    quality: Quality | None
    """What looking through all of it showed; null where nobody has."""
    source_asset: str | None
    """The asset that it was enhanced from."""
    created_at: dt.datetime


class DownloadBody(View):
    """How long the URL shall hold."""

    model_config = ConfigDict(title="DownloadRequest")

    expires_s: int = Field(default=_DOWNLOAD_EXPIRES_S, ge=1, le=3600)


class DownloadView(View):
    """A URL that anybody can fetch the file from until it expires."""

    model_config = ConfigDict(title="Download")

    url: str
    expires_at: dt.datetime


class Health(BaseModel):
    """The API answers."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["ok"] = "ok"


def model_list(catalogue: Catalogue, today: dt.date) -> ModelList:
    """Return every model, by name."""
    views = [_model(v, m, today) for v in catalogue.vendors.values() for m in v.models]
    return ModelList(items=sorted(views, key=lambda view: view.model))


def _model(vendor: VendorSpec, model: ModelSpec, today: dt.date) -> ModelView:
    return ModelView(
        model=f"{vendor.vendor}/{model.id}",
        vendor=vendor.vendor,
        title=model.title,
        status=_status(model.lifecycle, today),
        lifecycle=model.lifecycle,
        prompt_max_chars=model.prompt_max_chars,
        modes=model.modes,
        prices=model.prices,
        latency_s=model.latency_s,
        input_image=model.input_image or vendor.input_image,
        input_video=vendor.input_video,
    )


def _status(lifecycle: Lifecycle, today: dt.date) -> Literal["current", "deprecated", "retired"]:
    if lifecycle.retired(today):
        return "retired"
    deprecated = lifecycle.deprecated_on is not None and today >= lifecycle.deprecated_on
    return "deprecated" if deprecated else "current"


def upload_view(upload: Upload) -> UploadView:
    """Return an upload's form."""
    return UploadView(
        asset_id=upload.asset.asset_id,
        url=upload.form.url,
        fields=upload.form.fields,
        max_bytes=upload.asset.max_bytes or 0,
        expires_at=upload.expires_at,
    )


def asset_view(asset: Asset) -> AssetView:
    """Return what an asset's owner sees."""
    same = set(AssetView.model_fields) - {"size_bytes", "media", "quality"}
    return AssetView(
        **asset.model_dump(include=same),
        size_bytes=asset.size_bytes or None,
        media=asset.media,
        quality=asset.quality,
    )
