"""Ends a job: the one place that writes a terminal state, with its event, in one transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any

from dailies.domain.attempts import AMBIGUOUS, HAS_HANDLE, Attempt, AttemptFailure, AttemptState
from dailies.domain.catalogue import Catalogue, Mode
from dailies.domain.changes import Draft
from dailies.domain.enhancement import (
    ENHANCE_DEADLINE,
    Enhancement,
    EnhancementState,
    TaskFailure,
    TaskState,
)
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, Job, JobError, JobState
from dailies.domain.ports import Snapshot
from dailies.domain.routing import (
    charged,
    fails_unenhanced,
    is_enhancing,
    next_route,
    result_asset,
)
from dailies.domain.waiting import late_look_at
from dailies.services.recording import ANY_STATE, LedgerPorts, draft, record
from dailies.services.settle import cost_usd

_EVENTS = {
    JobState.SUCCEEDED: EventType.JOB_SUCCEEDED,
    JobState.FAILED: EventType.JOB_FAILED,
    JobState.CANCELED: EventType.JOB_CANCELED,
    JobState.EXPIRED: EventType.JOB_EXPIRED,
}
_CLOSED_UNPAID = AttemptFailure(code="not_sent", message="The job ended before it was sent.")


def end_job(snapshot: Snapshot, run: int, ports: LedgerPorts) -> Snapshot:
    """Give the job its final state where the ledger proves one, and return the newest snapshot.

    A job whose attempt may yet bring a result is not ended before its deadline. One that has ended
    already only gets the late asset attached.
    """

    def build(seen: Snapshot) -> Draft | None:
        now = ports.clock.now()
        if seen.job.terminal:
            return _attach_late(seen, now)
        state = final_state(seen, now)
        return None if state is None else _end(seen, state, now, ports.catalogue)

    snapshot, _ = record(ports.ledger, snapshot, run, build)
    return snapshot


def final_state(snapshot: Snapshot, now: dt.datetime) -> JobState | None:
    """Return the state that the job must end in now, or None where it may still get its result."""
    job, attempt = snapshot.job, snapshot.current
    canceling = job.state is JobState.CANCELING
    expired = now >= job.deadline_at
    awaited = is_enhancing(job) or (attempt is not None and awaits_result(attempt))
    if awaited and not expired:
        return None
    if canceling:
        return JobState.CANCELED
    if not awaited and fails_unenhanced(job):
        return JobState.EXPIRED if _late(job) else JobState.FAILED
    if not awaited and result_asset(job, attempt) is not None:
        return JobState.SUCCEEDED
    if attempt is None or attempt.state is AttemptState.RESERVED or awaited:
        return JobState.EXPIRED if expired else None
    may_go_on = next_route(job, attempt) is not None and not expired
    return None if may_go_on else JobState.FAILED


def _late(job: Job) -> bool:
    failure = job.enhancement.failure if job.enhancement else None
    return failure is not None and failure.code == ENHANCE_DEADLINE


def awaits_result(attempt: Attempt) -> bool:
    """Whether the attempt may yet bring a result that is not on the job."""
    stored = attempt.state is AttemptState.STORED and attempt.charge is None
    return stored or attempt.state in AMBIGUOUS | HAS_HANDLE | {AttemptState.FETCHING}


def _end(snapshot: Snapshot, state: JobState, now: dt.datetime, catalogue: Catalogue) -> Draft:
    job, attempt = snapshot.job, snapshot.current
    ended = draft(snapshot, now)
    if attempt is not None and attempt.state is AttemptState.RESERVED:
        update: dict[str, Any] = {
            "state": AttemptState.ABANDONED,
            "failure": _CLOSED_UNPAID,
            "finished_at": now,
        }
        ended.write_attempt(attempt.model_copy(update=update), was=AttemptState.RESERVED)
    look_at = None
    if attempt is not None and awaits_result(attempt):
        look_at = late_look_at(attempt, catalogue.vendor(attempt.vendor), now)
    error = _error(snapshot, state)
    enhancement = _closed(job, now)
    paid = charged(snapshot.attempts, enhancement)
    ended.set(
        enhancement=enhancement,
        state=state,
        finished_at=now,
        due_at=look_at,
        error=error,
        cost_usd=cost_usd(snapshot),
        assets=_assets(job, attempt),
    )
    ended.event(
        _EVENTS[state],
        charged=paid,
        assets=_assets(job, attempt),
        code=error.code if error else "",
        attempt=job.attempt,
    )
    if paid is Charged.UNKNOWN:
        # Money may have been spent for nothing: somebody should look.
        ended.event(EventType.JOB_PARKED, reason="charge_unknown", attempt=job.attempt)
    return ended


def _attach_late(snapshot: Snapshot, now: dt.datetime) -> Draft | None:
    job, attempt = snapshot.job, snapshot.current
    if attempt is None or attempt.state is not AttemptState.STORED or attempt.charge is None:
        return None
    if result_asset(job, attempt) in job.assets:
        return None
    attached = draft(snapshot, now, states=ANY_STATE)
    attached.set(assets=_assets(job, attempt), cost_usd=cost_usd(snapshot), due_at=None)
    return attached.event(
        EventType.JOB_LATE_ASSET, assets=_assets(job, attempt), attempt=attempt.number
    )


def _closed(job: Job, now: dt.datetime) -> Enhancement | None:
    """Return the job's enhancement; one that is under way is given up, its cost is not known."""
    known = job.enhancement
    if known is None or not is_enhancing(job):
        return known
    gone = TaskFailure(code=ENHANCE_DEADLINE, message="The job ended before its enhancement.")
    tries = known.tries
    if (running := known.running_task) is not None:
        update = {"state": TaskState.LOST, "failure": gone, "finished_at": now}
        tries = [*tries[:-1], running.model_copy(update=update)]
    return known.model_copy(
        update={"state": EnhancementState.FAILED, "failure": gone, "tries": tries}
    )


def _assets(job: Job, attempt: Attempt | None) -> list[str]:
    result = result_asset(job, attempt)
    return job.assets if result is None else [*(a for a in job.assets if a != result), result]


def _error(snapshot: Snapshot, state: JobState) -> JobError | None:
    if state is JobState.SUCCEEDED:
        return None
    attempt = snapshot.current
    if state is JobState.CANCELED:
        return JobError(code="canceled", message="The job was canceled.")
    if state is JobState.EXPIRED:
        return JobError(
            code="expired",
            message="The job had no result by its deadline.",
            hint="Raise deadline_s."
            if snapshot.job.request.kind is Mode.ENHANCE
            else "Raise deadline_s, or name fallbacks.",
        )
    failure = attempt.failure if attempt else None
    if failure is None:
        return _not_enhanced(snapshot.job)
    return JobError(code=failure.code, message=failure.message, reasons=failure.reasons)


def _not_enhanced(job: Job) -> JobError:
    failure = job.enhancement.failure if job.enhancement else None
    if failure is None:
        return JobError(code="internal", message="The job could not be carried out.")
    hint = "The video as it was made is among the outputs." if job.attempt else ""
    return JobError(code=failure.code, message=failure.message, hint=hint)
