"""An asset: bytes in our bucket with their digests, media facts and origin."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class AssetKind(StrEnum):
    """Where an asset came from."""

    UPLOAD = "upload"
    OUTPUT = "output"


class MediaFacts(_Frozen):
    """What decoding the file showed (not what its name or header claim)."""

    container: str
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    frames: int | None = None
    video_codec: str | None = None
    pixel_format: str | None = None
    audio_codec: str | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None


class Finding(_Frozen):
    """Something that a person would want to know of a video, by a stable word."""

    code: str
    level: str
    """`fail`: nobody would accept it as a video. `warn`: worth a look."""
    message: str


class Quality(_Frozen):
    """What looking through all of a video showed; times in seconds, light in levels of 0 to 255."""

    black_s: float | None = None
    frozen_s: float | None = None
    duplicates: int | None = None
    """Pictures that repeat the one before."""
    sharpness: float | None = None
    """Mean variance of the Laplacian of luma; higher is sharper."""
    blockiness: float | None = None
    """About 1 without block artefacts."""
    flicker: float | None = None
    loudness_lufs: float | None = None
    """Integrated, by EBU R128."""
    true_peak_dbtp: float | None = None
    findings: list[Finding] = Field(default_factory=list[Finding])


class StoredPart(_Frozen):
    """One part of a multipart upload; `sha256` is base64, as S3 returns it."""

    number: int
    size_bytes: int
    etag: str
    sha256: str


class PartialUpload(_Frozen):
    """A multipart upload under way: everything a fresh invocation needs to go on."""

    key: str
    upload_id: str
    output: int = 0
    """Index of the attempt's output that is being fetched."""
    parts: list[StoredPart] = Field(default_factory=list[StoredPart])
    validator: str | None = None
    """The source's strong ETag or Last-Modified, for `If-Range` (RFC 9110 §13.1.5)."""
    started_at: dt.datetime

    @property
    def position(self) -> int:
        """How many bytes of the source are safely stored."""
        return sum(part.size_bytes for part in self.parts)


class Asset(_Frozen):
    """Bytes in our bucket."""

    asset_id: str
    tenant: str
    kind: AssetKind
    job_id: str | None = None
    attempt: int | None = None
    key: str
    """Its object key in the media bucket."""
    content_type: str
    size_bytes: int
    max_bytes: int | None = None
    """For an upload not yet seen: what its presigned form allows."""
    sha256_composite: str | None = None
    """S3's composite SHA-256 of a multipart object, base64 with the part count (`…-3`)."""
    sha256: str | None = None
    """SHA-256 of the whole file in lower-case hex: known when one reader saw all of it."""
    media: MediaFacts | None = None
    quality: Quality | None = None
    """None where nobody has looked through it."""
    source_asset: str | None = None
    """The asset that it was enhanced from."""
    poster_key: str | None = None
    created_at: dt.datetime
