"""Events: the numbered log of a job, and the outbox from which every notification is made."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class EventType(StrEnum):
    """What happened: `job.*` is told to the outside, the others are the job's own log."""

    JOB_QUEUED = "job.queued"
    JOB_STARTED = "job.started"
    JOB_PROGRESS = "job.progress"
    JOB_CANCELING = "job.canceling"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELED = "job.canceled"
    JOB_EXPIRED = "job.expired"
    JOB_LATE_ASSET = "job.late_asset"
    """An attempt that was given up turned out to have a result; it is attached now."""
    JOB_PARKED = "job.parked"
    """The job cannot go on by itself: an operator's alarm."""

    STAGE_ENTERED = "stage.entered"
    ATTEMPT_RESERVED = "attempt.reserved"
    ATTEMPT_SUBMITTING = "attempt.submitting"
    ATTEMPT_SUBMITTED = "attempt.submitted"
    ATTEMPT_THROTTLED = "attempt.throttled"
    ATTEMPT_UNKNOWN = "attempt.unknown"
    ATTEMPT_RESOLVED = "attempt.resolved"
    ATTEMPT_ENDED = "attempt.ended"
    ENHANCEMENT_STARTED = "enhancement.started"
    """A try of it: `task_id` names it."""
    ENHANCEMENT_ENDED = "enhancement.ended"
    RUN_OPENED = "run.opened"


TERMINAL = frozenset(
    {EventType.JOB_SUCCEEDED, EventType.JOB_FAILED, EventType.JOB_CANCELED, EventType.JOB_EXPIRED}
)
PUBLISHED = TERMINAL | {
    EventType.JOB_STARTED,
    EventType.JOB_PROGRESS,
    EventType.JOB_LATE_ASSET,
    EventType.JOB_PARKED,
}
"""Types that go to the outbox."""


class Event(BaseModel):
    """One line of a job's log. Written in the same transaction as the change it tells."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    job_id: str
    tenant: str
    seq: int
    type: EventType
    at: dt.datetime
    data: dict[str, Any] = Field(default_factory=dict)
    """References and words only: no secret, URL or media bytes."""
