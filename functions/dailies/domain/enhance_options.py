"""What a caller may ask of an enhancement: the member `enhance` of a job's body.

The stages mirror `gpu_container/enhance/spec.py`, which a task's spec is written in;
`tests/contract/test_enhance_spec.py` holds the two together. They differ in one thing: weights of
a tenant's own are named by their file, and never by an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from dailies.domain.enhancement import MODELS

T = TypeVar("T")

MAX_STAGES = 8


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OwnWeights(_Frozen):
    """Weights of your own: a file that the operator put into your folder of models."""

    file: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(safetensors|pth)$"),
    ]
    """Its name, without a folder."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the whole file: another one is refused."""

    def uri(self, bucket: str, tenant: str) -> str:
        """Return where it lies: always in the tenant's own folder."""
        return f"s3://{bucket}/{MODELS}/{tenant}/{self.file}"


def _kind(value: Any) -> str:
    return "name" if isinstance(value, str) else "weights"


NetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""`auto`, or a net that ships with the container."""
NetChoice = Annotated[
    Annotated[NetName, Tag("name")] | Annotated[OwnWeights, Tag("weights")], Discriminator(_kind)
]


class Deinterlace(_Frozen):
    """Makes frames of fields, one per pair."""

    name: Literal["deinterlace"] = "deinterlace"
    mode: Literal["auto", "always"] = "auto"
    """`auto`: only frames that are flagged as interlaced."""


class Denoise(_Frozen):
    """Takes coding artefacts and noise away, at the same size."""

    name: Literal["denoise"] = "denoise"
    model: NetChoice = "auto"
    strength: float = Field(default=1.0, ge=0, le=1)


class SuperResolution(_Frozen):
    """Makes frames larger: by a factor, or to a height."""

    name: Literal["sr"] = "sr"
    scale: Literal[2, 3, 4] | None = None
    """2 where neither is given."""
    height: int | None = Field(default=None, ge=16, le=8640)
    """Of the upright picture, in pixels; the width follows the shape."""
    model: NetChoice = "auto"

    @field_validator("height")
    @classmethod
    def _not_both(cls, height: int | None, info: ValidationInfo) -> int | None:
        return _alone(height, "scale", info)


class Interpolate(_Frozen):
    """Adds frames between frames, never across a scene cut: by a factor, or to a rate."""

    name: Literal["interpolate"] = "interpolate"
    factor: Literal[2, 3, 4] | None = None
    """2 where neither is given: midpoints between neighbours, whatever their distance."""
    fps: float | None = Field(default=None, gt=0, le=240)
    """Constant rate."""

    @field_validator("fps")
    @classmethod
    def _not_both(cls, fps: float | None, info: ValidationInfo) -> float | None:
        return _alone(fps, "factor", info)


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


class EnhanceOptions(_Frozen):
    """What is done to the video, where, and what becomes of the job if it cannot be done."""

    stages: list[Stage] = Field(
        default_factory=lambda: [SuperResolution(scale=2)], min_length=1, max_length=MAX_STAGES
    )
    """In the order in which they are applied; `convert`, if any, comes last and once."""
    device: Literal["auto", "gpu", "cpu"] = "auto"
    """`gpu` fails where there is none; `auto` takes it where there is one."""
    on_failure: Literal["deliver", "fail"] | None = None
    """`deliver` (the default) keeps the video as the vendor made it, with a warning. A job of kind
    `enhance` has nothing else to deliver: it fails."""

    @property
    def container(self) -> str | None:
        """The container that is asked for; None for the source's."""
        last = self.stages[-1]
        return last.container if isinstance(last, Convert) else None

    def problems(self, shipped: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
        """Yield what cannot be done, as JSON pointers below `/enhance` with their complaints.

        Args:
            shipped: the stages that each shipped net serves, by its name.
        """
        for i, stage in enumerate(self.stages):
            if isinstance(stage, Convert) and i + 1 < len(self.stages):
                yield f"/stages/{i}", "`convert` comes last, and once."
            net = getattr(stage, "model", "auto")
            if isinstance(net, str) and net != "auto" and stage.name not in shipped.get(net, ()):
                fit = ", ".join(n for n, stages in shipped.items() if stage.name in stages)
                yield f"/stages/{i}/model", f"{stage.name} has these nets: auto, {fit}."


def _alone(value: T, other: str, info: ValidationInfo) -> T:
    if value is not None and info.data.get(other) is not None:
        raise PydanticCustomError("one_of_two", "Give this or {other}, not both.", {"other": other})
    return value
