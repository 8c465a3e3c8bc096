"""Writes down a vendor's verdict on an attempt: for Poll, and a Submit answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dailies.domain.attempts import (
    AMBIGUOUS,
    HAS_HANDLE,
    Attempt,
    AttemptFailure,
    AttemptState,
    Charge,
)
from dailies.domain.catalogue import Catalogue
from dailies.domain.errors import StorageError
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, Stage
from dailies.domain.outcomes import BilledAmount, Blocked, Failed, FailureCode, Succeeded
from dailies.domain.ports import Clock, LatencyStats, Ledger, Snapshot
from dailies.domain.steps import StepInput, StepResult
from dailies.observability import warn_of_vendor
from dailies.services.recording import Move, going_on, move
from dailies.services.settle import charge_of

_MADE = frozenset({FailureCode.RESULT_MISSING, FailureCode.RESULT_EXPIRED})
"""The vendor says that it succeeded: it bills, whether or not there is a file to be had."""


class ConcludePorts(Protocol):
    """What a verdict needs to be written down."""

    @property
    def ledger(self) -> Ledger:
        """Where it is written."""
        ...

    @property
    def clock(self) -> Clock:
        """When."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """What a vendor asks that does not say what it billed."""
        ...

    @property
    def stats(self) -> LatencyStats:
        """Where its duration is counted."""
        ...


def conclude(
    step: StepInput,
    snapshot: Snapshot,
    outcome: Succeeded | Failed | Blocked,
    ports: ConcludePorts,
    *,
    asked: int = 0,
) -> StepResult:
    """Record the end of the newest attempt's generation, and say where the job goes on.

    A failure is proven by the vendor's own word, so another vendor may be asked. A moderation
    verdict is about the request, and is not shopped around; and a success without a usable file is
    paid for, so no second task is.

    Args:
        step: the step's references.
        snapshot: the job as it was before the vendor was asked.
        outcome: the vendor's verdict.
        ports: what it needs to be written down.
        asked: how many questions it took this time.
    """
    attempt = snapshot.current
    if attempt is None:
        return going_on(step, snapshot)
    seen = {
        "polls": attempt.polls + asked,
        "submitted_at": attempt.submitted_at or attempt.submitting_at,
    }
    if isinstance(outcome, Succeeded):
        wanted = _with_result(attempt, outcome, seen)
    else:
        wanted = _without_result(snapshot.job, attempt, outcome, seen, ports)
    snapshot, written = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    if written and isinstance(outcome, Succeeded):
        _learn(attempt, ports)
    return going_on(step, snapshot)


def _learn(attempt: Attempt, ports: ConcludePorts) -> None:
    """Count how long the generation took, once. A lost count is not worth a failed step."""
    if attempt.submitted_at is None or attempt.outputs:
        return
    took = ports.clock.now() - attempt.submitted_at
    try:
        ports.stats.record(attempt.latency_key, took.total_seconds())
    except StorageError as exc:
        warn_of_vendor(exc.code, attempt)


def _with_result(attempt: Attempt, outcome: Succeeded, seen: Mapping[str, Any]) -> Move:
    return Move(
        attempt.number,
        AMBIGUOUS | HAS_HANDLE,
        AttemptState.FETCHING,
        attempt={**seen, "outputs": outcome.outputs, "billed": outcome.billed},
        stage=Stage.STORING,
    )


def _without_result(
    job: Job,
    attempt: Attempt,
    outcome: Failed | Blocked,
    seen: Mapping[str, Any],
    ports: ConcludePorts,
) -> Move:
    state = AttemptState.BLOCKED if isinstance(outcome, Blocked) else AttemptState.FAILED
    made = _made(attempt, outcome)
    failure = _failure(outcome, made=made)
    update: dict[str, Any] = {**seen, "failure": failure, "finished_at": ports.clock.now()}
    billed = outcome.billed or attempt.billed
    if made:
        known = attempt.model_copy(update={"billed": billed})
        update |= {"billed": billed, "charge": charge_of(job, known, ports.catalogue)}
    elif billed is not None and (charge := _charge(billed)) is not None:
        update |= {"billed": billed, "charge": charge}
    return Move(
        attempt.number,
        AMBIGUOUS | HAS_HANDLE,
        state,
        EventType.ATTEMPT_ENDED,
        data={"state": state, "code": failure.code},
        attempt=update,
    )


def _made(attempt: Attempt, outcome: Failed | Blocked) -> bool:
    """Whether the vendor has said, now or before, that it made the video."""
    return bool(attempt.outputs) or (isinstance(outcome, Failed) and outcome.code in _MADE)


def _failure(outcome: Failed | Blocked, *, made: bool) -> AttemptFailure:
    if isinstance(outcome, Blocked):
        return AttemptFailure(
            code="blocked",
            message="The vendor's moderation withheld the result.",
            vendor_code=outcome.vendor_code,
            reasons=outcome.reasons,
        )
    return AttemptFailure(
        code=outcome.code,
        message=outcome.message,
        vendor_code=outcome.vendor_code,
        may_fail_over=outcome.code is FailureCode.VENDOR_FAILED and not made,
    )


def _charge(billed: BilledAmount) -> Charge | None:
    if billed.amount_usd is None:
        return None
    return Charge(amount_usd=billed.amount_usd, basis="vendor", billed=billed)
