"""Finds out what became of a submit whose answer was lost.

Until it knows, nothing fails, refunds or fails over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dailies.domain.attempts import AMBIGUOUS, Attempt, AttemptFailure, AttemptState
from dailies.domain.catalogue import Catalogue, IdempotencyKind
from dailies.domain.errors import ProviderError
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState, Stage
from dailies.domain.outcomes import CannotTell, Found, Handle, LookupOutcome, NotCreated
from dailies.domain.ports import AttemptRef, Clock, Ledger, LooksUp, Providers, Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.waiting import decidable_at, resolve_wait_s, until_deadline_s
from dailies.services.recording import Move, going_on, load, move


@dataclass(frozen=True)
class ResolvePorts:
    """What Resolve needs."""

    ledger: Ledger
    providers: Providers
    catalogue: Catalogue
    clock: Clock
    callback_url: Callable[[Attempt], str | None]


def resolve(step: StepInput, ports: ResolvePorts) -> StepResult:
    """Look the attempt up at its vendor, and decide only what is proven.

    Found: go on with the task, at once (`docs/decisions/0002-adopt-found-tasks-at-once.md`). Not
    created, and no submit can still be under way: put back to `reserved` where the vendor refuses a
    duplicate, so that a resend is safe; else go on looking until the deadline.
    """
    snapshot = load(ports.ledger, step.job_id)
    attempt = snapshot.current
    routed = going_on(step, snapshot)
    if attempt is None or routed.outcome is not Outcome.RESOLVE:
        return routed
    snapshot = _mark_unknown(step, snapshot, attempt, ports)
    seen = snapshot.job.signal_seq
    answer = _look_up(attempt, ports)
    if isinstance(answer, Found):
        return _adopt(step, snapshot, attempt, answer.handle, ports)
    if isinstance(answer, NotCreated) and (decided := _absent(step, snapshot, attempt, ports)):
        return decided
    # Read anew: a submit that was still under way may have told its answer meanwhile.
    return _look_again(step, load(ports.ledger, step.job_id), attempt, ports, seen)


def _mark_unknown(
    step: StepInput, snapshot: Snapshot, attempt: Attempt, ports: ResolvePorts
) -> Snapshot:
    # A submit that is still under way may overwrite this with what the vendor told it.
    wanted = Move(
        attempt.number,
        AMBIGUOUS,
        AttemptState.UNKNOWN,
        EventType.ATTEMPT_UNKNOWN if attempt.state is AttemptState.SUBMITTING else None,
        data={"code": "submit_unfinished"},
        attempt={"lookups": attempt.lookups + 1},
    )
    snapshot, _ = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    return snapshot


def _look_up(attempt: Attempt, ports: ResolvePorts) -> LookupOutcome:
    provider = ports.providers.get(attempt.vendor)
    if not isinstance(provider, LooksUp):
        return CannotTell(reason=f"{attempt.vendor} has no look-up.")
    reference = AttemptRef(
        attempt.attempt_id,
        callback_url=ports.callback_url(attempt),
        submitting_at=attempt.submitting_at,
    )
    try:
        return provider.lookup(reference, attempt.model)
    except ProviderError as exc:  # whatever it is, it is no answer
        return CannotTell(reason=exc.code)


def _adopt(
    step: StepInput, snapshot: Snapshot, attempt: Attempt, handle: Handle, ports: ResolvePorts
) -> StepResult:
    wanted = Move(
        attempt.number,
        AMBIGUOUS,
        AttemptState.SUBMITTED,
        EventType.ATTEMPT_RESOLVED,
        data={"found": True},
        attempt={"handle": handle, "submitted_at": attempt.submitting_at},
        stage=Stage.GENERATING,
    )
    snapshot, _ = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    return going_on(step, snapshot)


def _absent(
    step: StepInput, snapshot: Snapshot, attempt: Attempt, ports: ResolvePorts
) -> StepResult | None:
    vendor = ports.catalogue.vendor(attempt.vendor)
    now = ports.clock.now()
    if now < decidable_at(attempt, vendor):
        return None
    goes_on = snapshot.job.state is JobState.RUNNING and now < snapshot.job.deadline_at
    if goes_on and vendor.idempotency is not IdempotencyKind.DUPLICATE_REFUSED:
        return None
    update = {} if goes_on else {"failure": _NEVER_CREATED, "finished_at": now}
    wanted = Move(
        attempt.number,
        AMBIGUOUS,
        AttemptState.RESERVED if goes_on else AttemptState.ABANDONED,
        EventType.ATTEMPT_RESOLVED,
        data={"found": False},
        attempt=update,
    )
    snapshot, _ = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    return going_on(step, snapshot)


_NEVER_CREATED = AttemptFailure(
    code="never_created", message="The vendor proved that it never got the request."
)


def _look_again(
    step: StepInput, snapshot: Snapshot, attempt: Attempt, ports: ResolvePorts, seen: int
) -> StepResult:
    routed = going_on(step, snapshot)
    now = ports.clock.now()
    if routed.outcome is not Outcome.RESOLVE:
        return routed
    if snapshot.job.terminal:
        return going_on(step, snapshot, Outcome.DONE)
    if now >= snapshot.job.deadline_at:
        return going_on(step, snapshot, Outcome.END)
    wait_s = until_deadline_s(snapshot.job, now, resolve_wait_s(attempt, now))
    return going_on(step, snapshot, Outcome.AWAIT, wait_s=wait_s, seen=seen)
