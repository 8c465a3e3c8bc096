"""The paid call: at most once per attempt, recorded before it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dailies.domain.attempts import AMBIGUOUS, Attempt, AttemptFailure, AttemptState
from dailies.domain.catalogue import Catalogue
from dailies.domain.errors import (
    ConfigurationError,
    DuplicateSubmitError,
    InvalidRequestError,
    PipelineError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    Rejection,
    SubmitUnknownError,
)
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, JobState, Stage
from dailies.domain.outcomes import Finished, Handle
from dailies.domain.ports import (
    AttemptRef,
    Clock,
    GenerationRequest,
    LatencyStats,
    Ledger,
    Provider,
    Providers,
    Snapshot,
)
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.waiting import (
    MAX_SUBMITS_BEFORE_FAILOVER,
    calls_back,
    first_wait_s,
    throttle_wait_s,
    until_deadline_s,
)
from dailies.services.conclude import conclude
from dailies.services.recording import Move, going_on, load, move

_RESERVED = frozenset({AttemptState.RESERVED})
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
    """Fills in a job's request for an attempt; raises InvalidRequestError where its inputs are unusable."""
    callback_url: Callable[[Attempt], str | None]
    """Where the vendor may call back; None where nobody can reach us."""


@dataclass(frozen=True)
class _Begun:
    """An attempt under way, and all that its end must know."""

    step: StepInput
    snapshot: Snapshot
    attempt: Attempt
    ports: SubmitPorts


def submit(step: StepInput, ports: SubmitPorts) -> StepResult:
    """Submit the reserved attempt.

    Raises:
        SubmitUnknownError: the vendor was called and the ledger could not be told. The attempt stays `submitting`, so
            that Resolve takes over.
    """
    snapshot = load(ports.ledger, step.job_id)
    attempt = snapshot.current
    routed = going_on(step, snapshot)
    if attempt is None or routed.outcome is not Outcome.SUBMIT:
        return routed
    if ports.clock.now() >= snapshot.job.deadline_at:
        return going_on(step, snapshot, Outcome.END)
    begun = _Begun(step, snapshot, attempt, ports)
    try:
        request = ports.request_for(snapshot.job, attempt)
        provider = ports.providers.get(attempt.vendor)
        reference = AttemptRef(attempt.attempt_id, callback_url=ports.callback_url(attempt))
    except (InvalidRequestError, ConfigurationError) as exc:
        elsewhere = isinstance(exc, ConfigurationError)
        return _refused(
            begun, AttemptFailure(code=exc.code, message=str(exc), may_fail_over=elsewhere)
        )
    return _begin(begun, lambda now_begun: _call(now_begun, provider, request, reference))


def _begin(reserved: _Begun, go_on: Callable[[_Begun], StepResult]) -> StepResult:
    ports, attempt = reserved.ports, reserved.attempt
    wanted = Move(
        attempt.number,
        _RESERVED,
        AttemptState.SUBMITTING,
        EventType.ATTEMPT_SUBMITTING,
        attempt={"submitting_at": ports.clock.now(), "submits": attempt.submits + 1},
        stage=Stage.SUBMITTING,
        states=frozenset({JobState.RUNNING}),
    )
    snapshot, begun = move(ports.ledger, ports.clock, reserved.snapshot, reserved.step.run, wanted)
    if not begun or snapshot.current is None:
        return going_on(reserved.step, snapshot)
    return go_on(_Begun(reserved.step, snapshot, snapshot.current, ports))


def _call(
    begun: _Begun, provider: Provider, request: GenerationRequest, reference: AttemptRef
) -> StepResult:
    try:
        write = _answer(begun, provider, request, reference)
        return write()
    except PipelineError as exc:
        # The vendor has answered: if the ledger cannot be told, nobody may take that for "not accepted".
        raise SubmitUnknownError(
            f"{begun.attempt.attempt_id} was submitted, and the ledger could not be told.",
            vendor=begun.attempt.vendor,
        ) from exc


def _answer(
    begun: _Begun, provider: Provider, request: GenerationRequest, reference: AttemptRef
) -> Callable[[], StepResult]:
    """Ask the vendor, and return how to write down what it said."""
    try:
        answer = provider.submit(request, reference)
    except (ProviderThrottledError, ProviderUnavailableError) as exc:
        refusal = exc
        return lambda: _put_back(begun, refusal)
    except ProviderRejectedError as exc:
        failure = AttemptFailure(
            code=f"rejected_{exc.reason}",
            message=str(exc),
            vendor_code=exc.vendor_code,
            may_fail_over=exc.reason in _WORTH_ANOTHER_VENDOR,
        )
        return lambda: _refused(begun, failure)
    except (DuplicateSubmitError, SubmitUnknownError) as exc:
        code = exc.code
        return lambda: _in_doubt(begun, code)
    if isinstance(answer, Finished):
        outcome = answer.outcome
        return lambda: conclude(begun.step, begun.snapshot, outcome, begun.ports)
    handle = answer
    return lambda: _accepted(begun, handle)


def _accepted(begun: _Begun, handle: Handle) -> StepResult:
    wait_s = _first_wait_s(begun)
    wanted = Move(
        begun.attempt.number,
        AMBIGUOUS,
        AttemptState.SUBMITTED,
        EventType.ATTEMPT_SUBMITTED,
        attempt={"submitted_at": begun.ports.clock.now(), "handle": handle},
        stage=Stage.GENERATING,
        wait_s=wait_s,
    )
    return _wait(begun, wanted, wait_s)


def _put_back(
    begun: _Begun, refusal: ProviderThrottledError | ProviderUnavailableError
) -> StepResult:
    attempt = begun.attempt
    others_left = attempt.route + 1 < len(begun.snapshot.job.routes)
    if others_left and attempt.submits >= MAX_SUBMITS_BEFORE_FAILOVER:
        failure = AttemptFailure(
            code=f"rejected_{Rejection.UNAVAILABLE}",
            message=f"{attempt.vendor} had no capacity for {attempt.submits} submits.",
            vendor_code=refusal.vendor_code,
            may_fail_over=True,
        )
        return _refused(begun, failure)
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


def _wait(begun: _Begun, wanted: Move, wait_s: int) -> StepResult:
    ports = begun.ports
    # Read before the vendor was asked: a signal that came since must not be slept over.
    seen = begun.snapshot.job.signal_seq
    snapshot, written = move(ports.ledger, ports.clock, begun.snapshot, begun.step.run, wanted)
    if not written:
        return going_on(begun.step, snapshot)
    wait_s = until_deadline_s(snapshot.job, ports.clock.now(), wait_s)
    return going_on(begun.step, snapshot, Outcome.AWAIT, wait_s=wait_s, seen=seen)


def _in_doubt(begun: _Begun, code: str) -> StepResult:
    wanted = Move(
        begun.attempt.number,
        frozenset({AttemptState.SUBMITTING}),
        AttemptState.UNKNOWN,
        EventType.ATTEMPT_UNKNOWN,
        data={"code": code},
    )
    return _recorded(begun, wanted)


def _refused(begun: _Begun, failure: AttemptFailure) -> StepResult:
    wanted = Move(
        begun.attempt.number,
        AMBIGUOUS | _RESERVED,
        AttemptState.REJECTED,
        EventType.ATTEMPT_ENDED,
        data={"state": AttemptState.REJECTED, "code": failure.code},
        attempt={"failure": failure, "finished_at": begun.ports.clock.now()},
    )
    return _recorded(begun, wanted)


def _recorded(begun: _Begun, wanted: Move) -> StepResult:
    ports = begun.ports
    snapshot, _ = move(ports.ledger, ports.clock, begun.snapshot, begun.step.run, wanted)
    return going_on(begun.step, snapshot)


def _first_wait_s(begun: _Begun) -> int:
    ports, attempt = begun.ports, begun.attempt
    vendor, model = ports.catalogue.route(attempt.vendor, attempt.model)
    by_callback = calls_back(vendor, reachable=ports.callback_url(attempt) is not None)
    learned_s = None if by_callback else ports.stats.q02(attempt.latency_key)
    return first_wait_s(model.latency_s, by_callback=by_callback, learned_q02_s=learned_s)
