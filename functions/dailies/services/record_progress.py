"""Records how far a task of enhancement is, as it tells itself; what it cannot know is ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dailies.domain.changes import Draft
from dailies.domain.enhancement import PROGRESS, parse_task_key
from dailies.domain.errors import AssetError
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, Progress
from dailies.domain.ports import Clock, Ledger, Snapshot
from dailies.domain.worker_tasks import TaskObjects
from dailies.services.recording import draft, record

_STEP: Final = 0.02
"""Less is not worth a write."""


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


def record_progress(key: str, ports: ProgressPorts) -> bool:
    """Record what the object `key` of the media bucket tells; whether it told anything new.

    Only the task under way counts, and only forward: an event may come late, twice, or from a task
    that was given up.

    Raises:
        StorageError: the bucket or the ledger did not answer.
    """
    place = parse_task_key(key)
    if place is None or place.name != PROGRESS:
        return False
    snapshot = ports.ledger.snapshot(place.job_id)
    if snapshot is None or not _is_current(snapshot.job, place.task_id, place.tenant):
        return False
    line = _read(key, ports)
    if line is None or line.task_id != place.task_id:
        return False

    def build(seen: Snapshot) -> Draft | None:
        known = seen.job.progress.fraction or 0.0
        news = line.fraction - known >= _STEP or (line.fraction == 1.0 and known < 1.0)
        if not news or not _is_current(seen.job, place.task_id, place.tenant):
            return None
        begun = draft(seen, ports.clock.now())
        begun.set(progress=Progress(fraction=line.fraction, basis="measured"))
        if "job.progress" in seen.job.request.notify.events:
            begun.event(EventType.JOB_PROGRESS, fraction=line.fraction)
        return begun

    _, written = record(ports.ledger, snapshot, snapshot.job.run, build)
    return written


def _is_current(job: Job, task: str, tenant: str) -> bool:
    running = job.running_task
    return running is not None and running.task_id == task and job.tenant == tenant


def _read(key: str, ports: ProgressPorts) -> _Line | None:
    try:
        return _Line.model_validate(ports.objects.read_json(key))
    except (AssetError, ValidationError):
        return None
