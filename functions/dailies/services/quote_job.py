"""Quotes a job: what its vendors' lists ask, and what its enhancement would take."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from dailies.domain.catalogue import Catalogue, Mode
from dailies.domain.compute_prices import (
    Clip,
    ComputeKind,
    ComputePrices,
    Machine,
    cost_usd,
    work_s,
)
from dailies.domain.enhance_options import EnhanceOptions
from dailies.domain.enhance_rules import refuse_enhancement
from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.jobs import JobRequest
from dailies.domain.options import ResolvedOptions, resolve_options
from dailies.domain.ports import Ledger
from dailies.services.create_job import price_routes
from dailies.services.enhance import clip_of

_LINES = re.compile(r"(\d{3,4})p")
_K = {"4k": 2160, "2k": 1440}
_FPS = 24.0
"""What vendors make unless they say otherwise; it only scales an estimate."""


@dataclass(frozen=True)
class RoutePrice:
    """What a model's price list asks."""

    model: str
    price_usd: Decimal


@dataclass(frozen=True)
class DeviceOption:
    """One way to enhance, or none at all."""

    device: Literal["gpu", "cpu", "skip"]
    machine: str
    seconds: float | None
    """Until it is done, the machine's start included; None where the video's size is not known."""
    cost_usd: Decimal | None


@dataclass(frozen=True)
class Quote:
    """What a job would cost and take."""

    routes: list[RoutePrice]
    options: list[DeviceOption]
    """Of its enhancement; empty where none is asked for."""


def quote_job(
    request: JobRequest,
    *,
    tenant: str,
    ledger: Ledger,
    catalogue: Catalogue,
    prices: ComputePrices,
    kind: ComputeKind,
    today: dt.date,
) -> Quote:
    """Return the quote of a job's body, checked as if the job were created.

    Raises:
        InvalidRequestError: the job could not be carried out.
        ModelRetiredError: one of its models takes no new jobs.
    """
    refuse_enhancement(request, prices)
    listed = price_routes(request, catalogue, today)
    routes = [RoutePrice(m, p) for m, p in zip(request.models, listed, strict=True)]
    options = request.enhancement
    if options is None:
        return Quote(routes, [])
    clip = _input_clip(request, tenant, ledger) if request.kind is Mode.ENHANCE else None
    if request.kind is not Mode.ENHANCE:
        clip = _made_clip(request, catalogue)
    devices: tuple[Machine, ...] = ("cuda", "cpu")
    found = [_option(options, clip, device, kind, prices) for device in devices]
    return Quote(routes, [*found, DeviceOption("skip", "", 0.0, Decimal(0))])


def _option(
    options: EnhanceOptions,
    clip: Clip | None,
    device: Machine,
    kind: ComputeKind,
    prices: ComputePrices,
) -> DeviceOption:
    machine = prices.machine(kind, device)
    word: Literal["gpu", "cpu"] = "gpu" if device == "cuda" else "cpu"
    if clip is None:
        return DeviceOption(word, machine.machine, None, None)
    worked_s = work_s(options, clip, device, prices)
    cost = cost_usd(machine.usd_per_hour, worked_s)
    return DeviceOption(word, machine.machine, round(machine.start_s + worked_s, 1), cost)


def _input_clip(request: JobRequest, tenant: str, ledger: Ledger) -> Clip | None:
    """Return what is known of the input; an upload that no job has looked through tells nothing."""
    asset = ledger.asset(request.video.asset_id) if request.video else None
    if asset is None or asset.tenant != tenant:
        problem = FieldProblem("/video/asset_id", "There is no such asset.")
        raise InvalidRequestError("The input video does not exist.", (problem,))
    return clip_of(asset)


def _made_clip(request: JobRequest, catalogue: Catalogue) -> Clip | None:
    """Return what the first model will make, as far as its options tell."""
    vendor_name, _, model_id = request.models[0].partition("/")
    made, _ = resolve_options(request, *catalogue.route(vendor_name, model_id))
    lines = _lines(made.resolution)
    if lines is None:
        return None
    width, height = _shape(made, lines)
    return Clip(width, height, _FPS, float(made.duration_s))


def _lines(resolution: str) -> int | None:
    """Return the shorter side that a resolution's name stands for, in pixels."""
    match = _LINES.fullmatch(resolution)
    return int(match[1]) if match else _K.get(resolution.lower())


def _shape(made: ResolvedOptions, lines: int) -> tuple[int, int]:
    across, _, down = (made.aspect_ratio or "16:9").partition(":")
    if not (across.isdigit() and down.isdigit()) or "0" in {across, down}:
        across, down = "16", "9"
    wide, high = int(across), int(down)
    if wide >= high:
        return round(lines * wide / high), lines
    return lines, round(lines * high / wide)
