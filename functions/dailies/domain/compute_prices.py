"""What enhancing takes and costs, as data: `dailies/catalogue/compute/enhance.json`.

Prices are list prices (us-east-1, on demand) as of November 2026, speeds are in millions of source
pixels per second on the machine named beside the price. A stage that has other machines, or better
terms, changes the file; no number of it is in the logic.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from dailies.domain.enhance_options import (
    Deinterlace,
    Denoise,
    EnhanceOptions,
    Interpolate,
    OwnWeights,
    SuperResolution,
)
from dailies.domain.enhancement import ComputeCharge

ComputeKind = Literal["batch", "sagemaker", "workers"]
Machine = Literal["cuda", "cpu"]
_CENT_OF_A_CENT = Decimal("0.0001")


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Data):
    """What is taken on."""

    max_input_bytes: int
    max_input_s: int
    check_bytes: int
    """A larger file is not looked through by Check: its time is limited."""
    check_s: int
    """… nor is a longer one."""
    check_budget_s: float
    """How long looking through a video may take; then it goes on without."""


class MachinePrice(_Data):
    """One kind of machine."""

    usd_per_hour: Decimal
    start_s: float
    """From asking for it until it works, as a rule."""
    machine: str


class Speeds(_Data):
    """Millions of pixels per second by device."""

    cuda: float
    cpu: float


class Work(_Data):
    """How fast each kind of work goes; of what goes in, but for `encode`: of what comes out."""

    deinterlace: Speeds
    shipped: Speeds
    """The nets that ship; a step of x2."""
    own: Speeds
    """Weights of a tenant's own: as slow as the large ones are."""
    interpolate: Speeds
    encode: Speeds


class Computes(_Data):
    """Machines by compute and device."""

    batch: dict[Machine, MachinePrice]
    sagemaker: dict[Machine, MachinePrice]
    workers: dict[Machine, MachinePrice]


class ComputePrices(_Data):
    """All of it."""

    limits: Limits
    max_tries: int
    """How often an enhancement is begun whose compute dies, in all."""
    short_s: float
    """Work of less than this is done by one machine."""
    nets: dict[str, tuple[str, ...]]
    """The stages that each shipped net serves."""
    mpx_per_s: Work
    computes: Computes

    def machine(self, compute: ComputeKind, device: Machine) -> MachinePrice:
        """Return the machine that a compute uses for a device."""
        prices: dict[Machine, MachinePrice] = getattr(self.computes, compute)
        return prices[device]

    def charge(
        self,
        compute: ComputeKind,
        device: Machine,
        seconds: float,
        basis: Literal["measured", "elapsed"],
    ) -> ComputeCharge:
        """Return what so long on a device costs."""
        per_hour = self.machine(compute, device).usd_per_hour
        return ComputeCharge(
            amount_usd=cost_usd(per_hour, seconds),
            seconds=round(seconds, 3),
            usd_per_hour=per_hour,
            device=device,
            basis=basis,
        )


class Clip(NamedTuple):
    """What is known of a video to be enhanced."""

    width: int
    height: int
    fps: float
    duration_s: float


def cost_usd(usd_per_hour: Decimal, seconds: float) -> Decimal:
    """Return what so long costs, to a hundredth of a cent."""
    exact = usd_per_hour * Decimal(repr(max(0.0, seconds))) / 3600
    return exact.quantize(_CENT_OF_A_CENT, rounding=ROUND_HALF_UP)


def work_s(options: EnhanceOptions, clip: Clip, device: Machine, prices: ComputePrices) -> float:
    """Return about how many seconds a machine works, without its start."""
    speeds = prices.mpx_per_s
    pixels, frames = clip.width * clip.height / 1e6, clip.fps * clip.duration_s
    taken_s = 0.0
    for stage in options.stages:
        match stage:
            case Deinterlace():
                taken_s += pixels * frames / _speed(speeds.deinterlace, device)
            case Denoise():
                taken_s += pixels * frames / _net_speed(stage, speeds, device)
            case SuperResolution():
                scale = stage.height / clip.height if stage.height else float(stage.scale or 2)
                for _ in range(max(1, math.ceil(math.log2(max(scale, 1.0))))):
                    taken_s += pixels * frames / _net_speed(stage, speeds, device)
                    pixels *= min(4.0, max(scale, 0.01) ** 2)
                    scale /= 2
            case Interpolate():
                factor = stage.fps / clip.fps if stage.fps else float(stage.factor or 2)
                frames *= max(factor, 0.01)
                taken_s += pixels * frames / _speed(speeds.interpolate, device)
            case _:
                pass  # converting is what encoding costs anyway
    return taken_s + pixels * frames / _speed(speeds.encode, device)


def _net_speed(stage: Denoise | SuperResolution, speeds: Work, device: Machine) -> float:
    own = isinstance(stage.model, OwnWeights)
    return _speed(speeds.own if own else speeds.shipped, device)


def _speed(speeds: Speeds, device: Machine) -> float:
    return speeds.cuda if device == "cuda" else speeds.cpu


@cache
def load_compute_prices() -> ComputePrices:
    """Return the data that ships in the package (read once per process)."""
    data = files("dailies").joinpath("catalogue", "compute", "enhance.json")
    return ComputePrices.model_validate_json(data.read_text("utf-8"))
