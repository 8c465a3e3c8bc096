"""Jobs and attempts in every state, made by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Creation, Draft
from dailies.domain.events import Event, EventType
from dailies.domain.ids import attempt_id, event_id
from dailies.domain.jobs import Job, JobRequest, JobState
from dailies.domain.outcomes import Handle
from dailies.domain.ports import Snapshot
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH

JOB_ID = "job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"
RUN = 1
ROUTES = ["kling/kling-3.0", "google/veo-3.1-generate-001"]


def a_job(**fields: Any) -> Job:
    """Return a running job with two routes."""
    values: dict[str, Any] = {
        "job_id": JOB_ID,
        "tenant": "acme",
        "state": JobState.RUNNING,
        "stage_at": EPOCH,
        "request": JobRequest(kind="text_to_video", model=ROUTES[0], prompt="a heron"),
        "routes": ROUTES,
        "estimate_usd": Decimal("0.42"),
        "attempt": 1,
        "event_seq": 1,
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "deadline_at": EPOCH + dt.timedelta(hours=2),
    }
    return Job(**(values | fields))


def an_attempt(**fields: Any) -> Attempt:
    """Return the job's first attempt."""
    values: dict[str, Any] = {
        "job_id": JOB_ID,
        "number": 1,
        "attempt_id": attempt_id(JOB_ID, 1),
        "vendor": "kling",
        "model": "kling-3.0",
        "state": AttemptState.SUBMITTED,
        "created_at": EPOCH,
        "submitting_at": EPOCH,
        "submitted_at": EPOCH,
        "handle": Handle(vendor="kling", data={"id": attempt_id(JOB_ID, 1)}),
    }
    return Attempt(**(values | fields))


def snapshot(job: Job, attempt: Attempt | None = None) -> Snapshot:
    """Return a job with one attempt, or none."""
    return Snapshot(job, () if attempt is None else (attempt,))


def written(
    job: Job, attempt: Attempt | None = None, ledger: InMemoryLedger | None = None
) -> InMemoryLedger:
    """Return a ledger that holds this."""
    ledger = InMemoryLedger() if ledger is None else ledger
    first = Event(
        event_id=event_id(job.job_id, 1),
        job_id=job.job_id,
        tenant=job.tenant,
        seq=1,
        type=EventType.JOB_QUEUED,
        at=job.created_at,
    )
    ledger.create(Creation(job, first, job.job_id, "sha", "{}"))
    if attempt is not None:
        draft = Draft(job=job, now=EPOCH).write_attempt(attempt, was=None)
        ledger.apply(draft.change())
    return ledger
