"""Records how far a task of enhancement is, as it tells itself; what it cannot know is ignored."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dailies.domain.changes import Draft
from dailies.domain.enhancement import PROGRESS, TaskKey, parse_task_key
from dailies.domain.errors import AssetError
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, Progress
from dailies.domain.ports import Clock, Ledger, Snapshot
from dailies.domain.worker_tasks import TaskObjects
from dailies.services.recording import draft, record

_STEP: Final = 0.02
"""Less is not worth a write."""
_CHILD: Final = re.compile(r"progress/\d+\.json")
"""Told by each of several machines that share a task: `progress/<chunk>.json`."""
_TOGETHER_EVERY: Final = dt.timedelta(seconds=10)
"""How often what they tell is put together: all of them tell every few seconds."""
_MOST_READ: Final = 64
"""Of more machines, so many are asked for all."""


@dataclass(frozen=True)
class ProgressPorts:
    """What recording progress needs."""

    ledger: Ledger
    clock: Clock
    objects: TaskObjects


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")

    task_id: str
    fraction: float = Field(ge=0, le=1)
    chunks: int | None = Field(default=None, ge=1, le=100_000)


def record_progress(key: str, ports: ProgressPorts) -> bool:
    """Record what the object `key` of the media bucket tells; whether it told anything new.

    Only the task under way counts, and only forward: an event may come late, twice, or from a task
    that was given up.

    Raises:
        StorageError: the bucket or the ledger did not answer.
    """
    place = parse_task_key(key)
    if place is None or not (place.name == PROGRESS or _CHILD.fullmatch(place.name)):
        return False
    snapshot = ports.ledger.snapshot(place.job_id)
    if snapshot is None or not _is_current(snapshot.job, place.task_id, place.tenant):
        return False
    if place.name == PROGRESS:
        line = _read(key, place.task_id, ports)
        fraction = line.fraction if line else None
    else:
        fraction = _together(key, place, snapshot.job, ports)
    return fraction is not None and _written(snapshot, place, fraction, ports)


def _together(key: str, place: TaskKey, job: Job, ports: ProgressPorts) -> float | None:
    """Return the mean of what all machines of a task tell; one that tells nothing has not begun."""
    begun = job.progress.fraction is not None
    if begun and ports.clock.now() - job.updated_at < _TOGETHER_EVERY:
        return None
    told = _read(key, place.task_id, ports)
    if told is None or told.chunks is None:
        return None
    prefix = key.removesuffix(place.name)
    asked = range(0, told.chunks, math.ceil(told.chunks / _MOST_READ))
    lines = [_read(f"{prefix}progress/{i}.json", place.task_id, ports) for i in asked]
    return sum(line.fraction for line in lines if line) / len(asked)


def _written(snapshot: Snapshot, place: TaskKey, fraction: float, ports: ProgressPorts) -> bool:
    def build(seen: Snapshot) -> Draft | None:
        known = seen.job.progress.fraction or 0.0
        news = fraction - known >= _STEP or (fraction == 1.0 and known < 1.0)
        if not news or not _is_current(seen.job, place.task_id, place.tenant):
            return None
        begun = draft(seen, ports.clock.now())
        begun.set(progress=Progress(fraction=fraction, basis="measured"))
        if "job.progress" in seen.job.request.notify.events:
            begun.event(EventType.JOB_PROGRESS, fraction=fraction)
        return begun

    _, written = record(ports.ledger, snapshot, snapshot.job.run, build)
    return written


def _is_current(job: Job, task: str, tenant: str) -> bool:
    running = job.running_task
    return running is not None and running.task_id == task and job.tenant == tenant


def _read(key: str, task: str, ports: ProgressPorts) -> _Line | None:
    try:
        line = _Line.model_validate(ports.objects.read_json(key))
    except (AssetError, ValidationError):
        return None
    return line if line.task_id == task else None
