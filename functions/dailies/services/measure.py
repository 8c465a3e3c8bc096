"""Counts what a change of the ledger says: every figure about jobs comes from what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Change
from dailies.domain.enhancement import TaskState
from dailies.domain.errors import Rejection
from dailies.domain.events import Event, EventType
from dailies.domain.jobs import Job, JobState, Stage
from dailies.domain.outcomes import FailureCode
from dailies.domain.ports import Snapshot
from dailies.observability import VENDOR_ERRORS, count, logger

NO_VENDOR: Final = "none"
"""The vendor of a job that ended before any was asked."""
_ENDS: Final[Mapping[JobState, str]] = {
    JobState.SUCCEEDED: "JobsSucceeded",
    JobState.FAILED: "JobsFailed",
    JobState.CANCELED: "JobsCanceled",
    JobState.EXPIRED: "JobsExpired",
}
_TRIES: Final[Mapping[TaskState, str]] = {
    TaskState.SUCCEEDED: "EnhanceTriesSucceeded",
    TaskState.FAILED: "EnhanceTriesFailed",
    TaskState.LOST: "EnhanceTriesLost",
}
_LOCKED_OUT: Final = frozenset(
    {
        "configuration",
        *(f"rejected_{r}" for r in (Rejection.AUTH, Rejection.BALANCE, Rejection.FORBIDDEN)),
    }
)
_REJECTED: Final = frozenset({f"rejected_{r}" for r in Rejection}) - _LOCKED_OUT
_MODERATED: Final = f"rejected_{Rejection.MODERATION}"
_NOT_THE_VENDORS: Final = frozenset({FailureCode.INPUT_REJECTED, FailureCode.CANCELED})


class _Figure(NamedTuple):
    name: str
    value: float = 1
    stage: Stage | None = None


def measure(before: Snapshot, change: Change) -> None:
    """Count what the change, which has been written, says; nothing that goes wrong here matters."""
    try:
        attempt = change.attempt or before.current
        vendor = attempt.vendor if attempt else NO_VENDOR
        for figure in _figures(before, change):
            count(figure.name, figure.value, vendor=vendor, stage=figure.stage)
        for figure in _of_enhancement(change.before, change.after):
            count(figure.name, figure.value)
    except Exception:  # a figure is not worth a step whose facts are in the ledger already
        logger.exception("a change could not be counted")


def _figures(before: Snapshot, change: Change) -> Iterator[_Figure]:
    yield from _of_job(change.before, change.after)
    for event in change.events:
        yield from _of_event(event)
    if change.attempt is not None:
        yield from _of_attempt(before.attempt(change.attempt.number), change.attempt, change.after)


def _of_job(was: Job, now: Job) -> Iterator[_Figure]:
    if now.stage is not was.stage:
        yield _Figure("StageSeconds", (now.stage_at - was.stage_at).total_seconds(), was.stage)
    if now.terminal and not was.terminal:
        yield _Figure(_ENDS[now.state])
        yield _Figure("StageSeconds", (now.updated_at - now.stage_at).total_seconds(), now.stage)


def _of_attempt(was: Attempt | None, now: Attempt, job: Job) -> Iterator[_Figure]:
    if (polls := now.polls - (was.polls if was else 0)) > 0:
        yield _Figure("Polls", polls)
    if now.charge is not None and (was is None or was.charge is None):
        yield _Figure("CostUsd", float(now.charge.amount_usd))
    if now.state is AttemptState.UNKNOWN:
        since = now.submitting_at or now.created_at
        yield _Figure("UnknownAttempts")
        yield _Figure("UnknownSeconds", (job.updated_at - since).total_seconds())


def _of_enhancement(was: Job, now: Job) -> Iterator[_Figure]:
    """Yield what the machines that enhance did and cost: no vendor's doing."""
    ended = now.enhancement.current if now.enhancement else None
    began = was.enhancement.running_task if was.enhancement else None
    if ended is None or began is None or ended.task != began.task:
        return
    if (name := _TRIES.get(ended.state)) is not None:
        yield _Figure(name)
    if ended.charge is not None:
        yield _Figure("EnhanceCostUsd", float(ended.charge.amount_usd))


def _of_event(event: Event) -> Iterator[_Figure]:
    code = str(event.data.get("code", ""))
    if event.type is EventType.JOB_PARKED:
        yield _Figure("JobsParked")
    elif event.type is EventType.ATTEMPT_SUBMITTING:
        yield _Figure("Submits")
    elif event.type is EventType.ATTEMPT_THROTTLED:
        yield _Figure("Throttles")
    elif event.type is EventType.ATTEMPT_ENDED and (name := _end(event.data.get("state"), code)):
        yield _Figure(name)
    if event.type in {EventType.ATTEMPT_THROTTLED, EventType.ATTEMPT_UNKNOWN}:
        if code in VENDOR_ERRORS:
            yield _Figure(VENDOR_ERRORS[code])


def _end(state: object, code: str) -> str | None:
    """Return the metric of an attempt that ended without a result; None where it was our doing."""
    if state == AttemptState.BLOCKED or code == _MODERATED:
        return "VendorErrorsBlocked"
    if state == AttemptState.FAILED:
        return None if code in _NOT_THE_VENDORS else "VendorErrorsFailed"
    if code in _LOCKED_OUT:
        return "VendorErrorsLockedOut"
    return "VendorErrorsRejected" if code in _REJECTED else None
