"""What the API shows of a job's enhancement."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal

from pydantic import Field

from dailies.domain.enhancement import (
    ComputeCharge,
    Enhancement,
    EnhancementState,
    EnhanceTask,
    TaskFailure,
    TaskState,
)
from dailies.handlers.api.view import View


class ComputeChargeView(View):
    """What a try of an enhancement cost."""

    amount_usd: Decimal
    seconds: float
    usd_per_hour: Decimal
    device: Literal["gpu", "cpu"]
    basis: Literal["measured", "elapsed"]
    """`measured`: as its machines counted. `elapsed`: it never reported; the time from its start to
    its end, waiting included, as one machine."""


class EnhancementTryView(View):
    """One try: each runs on a machine of its own."""

    task_id: str
    state: TaskState
    started_at: dt.datetime
    finished_at: dt.datetime | None
    charge: ComputeChargeView | None
    failure: TaskFailureView | None


class TaskFailureView(View):
    """Why there is no enhanced video."""

    code: str = Field(examples=["enhance_bad_input"])
    message: str


class EnhancementView(View):
    """A job's enhancement, with its receipt."""

    state: EnhancementState
    source_asset: str
    """The video as it was before."""
    asset_id: str | None
    """The enhanced video."""
    cost_usd: Decimal
    """Of all its tries, as far as it is known; part of the job's `cost_usd`."""
    tries: list[EnhancementTryView]
    failure: TaskFailureView | None


def enhancement_view(known: Enhancement) -> EnhancementView:
    """Return what a job's owner sees of its enhancement."""
    return EnhancementView(
        **known.model_dump(include={"state", "source_asset", "asset_id"}),
        cost_usd=known.cost_usd,
        tries=[_try(task) for task in known.tries],
        failure=_task_failure(known.failure),
    )


def _try(task: EnhanceTask) -> EnhancementTryView:
    return EnhancementTryView(
        task_id=task.task.task_id,
        **task.model_dump(include={"state", "started_at", "finished_at"}),
        charge=_charge(task.charge) if task.charge else None,
        failure=_task_failure(task.failure),
    )


def _charge(charge: ComputeCharge) -> ComputeChargeView:
    same = charge.model_dump(exclude={"device"})
    return ComputeChargeView(**same, device=_DEVICES[charge.device])


_DEVICES: dict[str, Literal["gpu", "cpu"]] = {"cuda": "gpu", "cpu": "cpu"}


def _task_failure(failure: TaskFailure | None) -> TaskFailureView | None:
    return TaskFailureView(code=failure.code, message=failure.message) if failure else None
