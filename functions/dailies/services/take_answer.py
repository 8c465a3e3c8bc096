"""Writes down what a vendor answered to a submit. Facts are kept whatever became of the job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dailies.domain.attempts import AMBIGUOUS, Attempt, AttemptFailure, AttemptState
from dailies.domain.catalogue import Catalogue
from dailies.domain.errors import ProviderError, ProviderRejectedError, Rejection
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, Stage
from dailies.domain.outcomes import Handle
from dailies.domain.ports import (
    Clock,
    GenerationRequest,
    LatencyStats,
    Ledger,
    Providers,
    Snapshot,
)
from dailies.domain.spending import SpendCap
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.waiting import MAX_SUBMITS_BEFORE_FAILOVER, throttle_wait_s, until_deadline_s
from dailies.services.recording import Move, going_on, move

RESERVED = frozenset({AttemptState.RESERVED})
_WORTH_ANOTHER_VENDOR = frozenset(Rejection) - {Rejection.INVALID, Rejection.MODERATION}


@dataclass(frozen=True)
class SubmitPorts:
    """What Submit needs."""

    ledger: Ledger
    providers: Providers
    catalogue: Catalogue
    clock: Clock
    stats: LatencyStats
    request_for: Callable[[Job, Attempt], GenerationRequest]
    """Fills in a job's request for an attempt; raises InvalidRequestError where it cannot."""
    callback_url: Callable[[Attempt], str | None]
    """Where the vendor may call back; None where nobody can reach us."""
    cap: SpendCap | None = None
    """What may be spent; None where nothing limits it."""


@dataclass(frozen=True)
class Submission:
    """An attempt's submit, and all that its end must know."""

    step: StepInput
    snapshot: Snapshot
    attempt: Attempt
    ports: SubmitPorts
    first_wait_s: int = 0
    """How long to wait before the first poll, if the vendor takes it."""


def accepted(begun: Submission, handle: Handle) -> StepResult:
    """Keep the task's handle, and wait for its end."""
    wanted = Move(
        begun.attempt.number,
        AMBIGUOUS,
        AttemptState.SUBMITTED,
        EventType.ATTEMPT_SUBMITTED,
        attempt={"submitted_at": begun.ports.clock.now(), "handle": handle},
        stage=Stage.GENERATING,
        wait_s=begun.first_wait_s,
    )
    return _wait(begun, wanted, begun.first_wait_s)


def put_back(begun: Submission, refusal: ProviderError) -> StepResult:
    """Reserve the attempt again: the vendor is busy or down, and certainly did not take it."""
    attempt = begun.attempt
    others_left = attempt.route + 1 < len(begun.snapshot.job.routes)
    if others_left and attempt.submits >= MAX_SUBMITS_BEFORE_FAILOVER:
        failure = AttemptFailure(
            code=f"rejected_{Rejection.UNAVAILABLE}",
            message=f"{attempt.vendor} had no capacity for {attempt.submits} submits.",
            vendor_code=refusal.vendor_code,
            may_fail_over=True,
        )
        return refused(begun, failure)
    wait_s = throttle_wait_s(attempt, refusal.retry_after_s)
    wanted = Move(
        attempt.number,
        AMBIGUOUS,
        AttemptState.RESERVED,
        EventType.ATTEMPT_THROTTLED,
        data={"code": refusal.code, "vendor_code": refusal.vendor_code, "wait_s": wait_s},
        wait_s=wait_s,
    )
    return _wait(begun, wanted, wait_s)


def rejected(begun: Submission, refusal: ProviderRejectedError) -> StepResult:
    """End the attempt: the vendor refused for good."""
    failure = AttemptFailure(
        code=f"rejected_{refusal.reason}",
        message=str(refusal),
        vendor_code=refusal.vendor_code,
        may_fail_over=refusal.reason in _WORTH_ANOTHER_VENDOR,
    )
    return refused(begun, failure)


def refused(begun: Submission, failure: AttemptFailure) -> StepResult:
    """End the attempt: nothing was created, and nothing will be."""
    wanted = Move(
        begun.attempt.number,
        AMBIGUOUS | RESERVED,
        AttemptState.REJECTED,
        EventType.ATTEMPT_ENDED,
        data={"state": AttemptState.REJECTED, "code": failure.code},
        attempt={"failure": failure, "finished_at": begun.ports.clock.now()},
    )
    return _recorded(begun, wanted)


def in_doubt(begun: Submission, code: str) -> StepResult:
    """Say that nobody knows whether the vendor has the task."""
    wanted = Move(
        begun.attempt.number,
        frozenset({AttemptState.SUBMITTING}),
        AttemptState.UNKNOWN,
        EventType.ATTEMPT_UNKNOWN,
        data={"code": code},
    )
    return _recorded(begun, wanted)


def _wait(begun: Submission, wanted: Move, wait_s: int) -> StepResult:
    ports = begun.ports
    # Read before the vendor was asked: a signal that came since must not be slept over.
    seen = begun.snapshot.job.signal_seq
    snapshot, written = move(ports.ledger, ports.clock, begun.snapshot, begun.step.run, wanted)
    if not written:
        return going_on(begun.step, snapshot)
    wait_s = until_deadline_s(snapshot.job, ports.clock.now(), wait_s)
    return going_on(begun.step, snapshot, Outcome.AWAIT, wait_s=wait_s, seen=seen)


def _recorded(begun: Submission, wanted: Move) -> StepResult:
    ports = begun.ports
    snapshot, _ = move(ports.ledger, ports.clock, begun.snapshot, begun.step.run, wanted)
    return going_on(begun.step, snapshot)
