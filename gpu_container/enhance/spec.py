"""The job spec: what is enhanced, how, and where everything lies. JSON on the wire.

`tests/contract/test_enhance_spec.py` holds the workflow's side to this form.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Uri = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
"""`s3://bucket/key` (the key as it is, not percent-encoded), `file:///path`, or a path."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ShippedModel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Weights(_Frozen):
    """Weights of one's own: `.safetensors`, or `.pth` (read with `weights_only`)."""

    uri: Uri
    sha256: Sha256
    """Of the whole file, checked before it is read."""


ModelChoice = Literal["auto"] | ShippedModel | Weights
"""`auto` chooses among the shipped nets by the source's bits per pixel."""


class Deinterlace(_Frozen):
    """Makes frames of fields, one per pair."""

    name: Literal["deinterlace"] = "deinterlace"
    mode: Literal["auto", "always"] = "auto"
    """`auto`: only frames that are flagged as interlaced."""


class Denoise(_Frozen):
    """Takes coding artefacts and noise away, at the same size."""

    name: Literal["denoise"] = "denoise"
    model: ModelChoice = "auto"
    strength: float = Field(default=1.0, ge=0, le=1)


class SuperResolution(_Frozen):
    """Makes frames larger: by a factor, or to a height."""

    name: Literal["sr"] = "sr"
    scale: Literal[2, 3, 4] | None = None
    """2 where neither is given."""
    height: int | None = Field(default=None, ge=16, le=8640)
    """Of the upright picture, in pixels; the width follows the shape."""
    model: ModelChoice = "auto"


class Interpolate(_Frozen):
    """Adds frames between frames, never across a scene cut: one of the two is given."""

    name: Literal["interpolate"] = "interpolate"
    factor: Literal[2, 3, 4] | None = None
    """2 where neither is given: midpoints between neighbours, whatever their distance."""
    fps: float | None = Field(default=None, gt=0, le=240)
    """Constant rate."""


class Convert(_Frozen):
    """How the result is coded. Left out, or a field of it: as the source, where that can be."""

    name: Literal["convert"] = "convert"
    codec: Literal["h264", "hevc", "av1", "prores"] | None = None
    container: Literal["mp4", "mkv", "mov", "webm"] | None = None
    pixel_format: (
        Literal["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"] | None
    ) = None
    quality: int | None = Field(default=None, ge=0, le=63)
    """Constant quality as the encoder counts it (CRF; CQ on NVENC). Never a bit rate: chunks would
    show."""
    preset: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,16}$")] | None = None
    """The encoder's own word, such as x264's `veryfast`."""


Stage = Annotated[
    Deinterlace | Denoise | SuperResolution | Interpolate | Convert, Field(discriminator="name")
]


class Source(_Frozen):
    """The file to enhance."""

    uri: Uri
    etag: str | None = None
    """Where known: another ETag at run time is another file, and refused."""
    size_bytes: int | None = Field(default=None, ge=0)


class JobSpec(_Frozen):
    """Everything a run needs to know."""

    v: Literal[1] = 1
    task_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
    source: Source
    output: Uri
    """The finished file; written last, in one piece."""
    work: Uri
    """Prefix (or folder) of this task alone: `manifest.json`, `plan.json`, `chunks/`,
    `progress.json`, `report.json`."""
    stages: list[Stage] = Field(min_length=1, max_length=8)
    """In the order in which they are applied; `convert`, if any, comes last and once."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """`cuda` fails where there is none; `auto` takes it where there is one."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    chunk_s: float | None = Field(default=None, gt=0, le=600)
    """Length of a chunk in seconds of source; None: about a minute of work."""
