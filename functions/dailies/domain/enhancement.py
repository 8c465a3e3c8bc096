"""Enhancement: a job's video made better on a machine of ours, and what is kept of it.

An enhancement is one try or several. A try is a task: its id names the nested execution and the
folder in the media bucket where the task's spec, progress and report lie::

    enhance/<tenant>/<job_id>/<task_id>/spec.json  plan.json  progress.json  report.json  chunks/…
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

TASKS: str = "enhance"
"""First part of every key of a task."""
MODELS: str = "models"
"""Weights of a tenant's own lie below `models/<tenant>/`; an operator puts them there."""
SPEC, PROGRESS, REPORT = "spec.json", "progress.json", "report.json"
"""Names of a task's objects, below its prefix."""

ENHANCE_DEADLINE = "enhance_deadline"
"""Code of an enhancement that the job's deadline ended."""

TASK_ID = re.compile(r"enh_([0-7][0-9A-HJKMNP-TV-Z]{25})-(\d{1,3})")
_KEY = re.compile(r"enhance/([^/]+)/(job_[0-9A-Z]{26})/(enh_[0-9A-Z]{26}-\d{1,3})/(.+)")

Device = Literal["auto", "cuda", "cpu"]
"""As the task's spec names it; a job's body says `gpu` for `cuda`."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ComputeTask(_Frozen):
    """Input of the nested execution that carries out a task; its name is the task id."""

    v: Literal[1] = 1
    task_id: str
    job_id: str
    bucket: str
    prefix: str
    """Ends with `/`."""
    device: Device
    short: bool
    """Whether one machine does all of it: not worth spreading over several."""


class TaskState(StrEnum):
    """Where a try is."""

    RUNNING = "running"
    """Its spec is written; its nested execution may be starting, running, or dead."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """A report says that it cannot be done."""
    LOST = "lost"
    """It ended without a report: another try may do better."""
    CANCELED = "canceled"


class ComputeCharge(_Frozen):
    """What a try cost: seconds of a machine by its price."""

    amount_usd: Decimal
    seconds: float
    usd_per_hour: Decimal
    device: Literal["cuda", "cpu"]
    basis: Literal["measured", "elapsed"]
    """`measured`: its report says how long its machines ran. `elapsed`: it never reported; the time
    from its start until its end was seen, as one machine."""


class TaskFailure(_Frozen):
    """Why a try brought no video."""

    code: str
    message: str


class EnhanceTask(_Frozen):
    """One try."""

    task: ComputeTask
    output_key: str
    asset_id: str
    """The id of the asset that it makes."""
    state: TaskState = TaskState.RUNNING
    started_at: dt.datetime
    finished_at: dt.datetime | None = None
    charge: ComputeCharge | None = None
    failure: TaskFailure | None = None


class EnhancementState(StrEnum):
    """Where a job's enhancement is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class Enhancement(_Frozen):
    """What became of a job's `enhance`, part of the job's row; there from its first try on."""

    state: EnhancementState = EnhancementState.RUNNING
    source_asset: str
    tries: list[EnhanceTask] = Field(default_factory=list[EnhanceTask])
    """Oldest first."""
    spent: int = 0
    """How many of them belong to earlier rounds: a redrive gives new tries."""
    asset_id: str | None = None
    """The enhanced video, once it is there."""
    failure: TaskFailure | None = None

    @property
    def current(self) -> EnhanceTask | None:
        """The newest try."""
        return self.tries[-1] if self.tries else None

    @property
    def running_task(self) -> EnhanceTask | None:
        """The try that may be under way, or None."""
        current = self.current
        return current if current and current.state is TaskState.RUNNING else None

    @property
    def cost_usd(self) -> Decimal:
        """What its tries have cost, as far as it is known."""
        return sum((t.charge.amount_usd for t in self.tries if t.charge), Decimal(0))


def task_id(job_id: str, number: int) -> str:
    """Return the id of a job's try: the name of its nested execution; it leads back to the job."""
    return f"enh_{job_id.removeprefix('job_')}-{number}"


def parse_task_id(value: str) -> tuple[str, int] | None:
    """Return job id and number of a task id, or None where it is not one."""
    match = TASK_ID.fullmatch(value)
    return (f"job_{match[1]}", int(match[2])) if match else None


def task_prefix(tenant: str, job_id: str, task: str) -> str:
    """Return the folder of a task in the media bucket, with its last `/`."""
    return f"{TASKS}/{tenant}/{job_id}/{task}/"


class TaskKey(NamedTuple):
    """What the key of a task's object tells."""

    tenant: str
    job_id: str
    task_id: str
    name: str
    """Below the task's prefix: `progress.json`."""


def parse_task_key(key: str) -> TaskKey | None:
    """Return what a key of the media bucket tells of a task, or None where it is of none."""
    match = _KEY.fullmatch(key)
    return TaskKey(*match.groups()) if match else None
