"""The paid call: at most once per attempt, recorded before it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dailies.domain.attempts import Attempt, AttemptFailure, AttemptState
from dailies.domain.errors import (
    ConfigurationError,
    DuplicateSubmitError,
    InvalidRequestError,
    PipelineError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    StorageError,
    SubmitUnknownError,
)
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState, Stage
from dailies.domain.outcomes import Finished
from dailies.domain.ports import AttemptRef, GenerationRequest, Provider
from dailies.domain.spending import OverCapError
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.waiting import calls_back, first_wait_s
from dailies.observability import warn_of_vendor
from dailies.services.conclude import conclude
from dailies.services.recording import Move, going_on, load, move
from dailies.services.settle import charge_of
from dailies.services.take_answer import (
    RESERVED,
    Submission,
    SubmitPorts,
    accepted,
    in_doubt,
    put_back,
    refused,
    rejected,
)

__all__ = ["SubmitPorts", "submit"]

_WRITES = 3
"""How often it is tried to write a vendor's answer down. Doing it twice is harmless."""


def submit(step: StepInput, ports: SubmitPorts) -> StepResult:
    """Submit the reserved attempt.

    Raises:
        SubmitUnknownError: the vendor was called and the ledger could not be told. The attempt
            stays `submitting`, so that Resolve takes over.
    """
    snapshot = load(ports.ledger, step.job_id)
    attempt = snapshot.current
    routed = going_on(step, snapshot)
    if attempt is None or routed.outcome is not Outcome.SUBMIT:
        return routed
    if ports.clock.now() >= snapshot.job.deadline_at:
        return going_on(step, snapshot, Outcome.END)
    reserved = Submission(step, snapshot, attempt, ports)
    try:
        request = ports.request_for(snapshot.job, attempt)
        provider = ports.providers.get(attempt.vendor)
        reference = AttemptRef(attempt.attempt_id, callback_url=ports.callback_url(attempt))
        reserved = _prepared(reserved, request, reference)
        if ports.cap is not None:  # the one place that every order passes, whoever asked for it
            price_usd = charge_of(snapshot.job, attempt, ports.catalogue).amount_usd
            ports.cap.take(attempt.vendor, attempt.attempt_id, price_usd)
    except (InvalidRequestError, ConfigurationError, OverCapError) as exc:
        elsewhere = isinstance(exc, ConfigurationError)
        failure = AttemptFailure(code=exc.code, message=str(exc), may_fail_over=elsewhere)
        return refused(reserved, failure)
    return _begin(reserved, lambda begun: _call(begun, provider, request, reference))


def _prepared(
    reserved: Submission, request: GenerationRequest, reference: AttemptRef
) -> Submission:
    """Return the submission with everything that can be known before the vendor is called."""
    ports = reserved.ports
    attempt = reserved.attempt.model_copy(
        update={
            "resolution": request.resolution,
            "duration_s": request.duration_s,
            "degraded": list(request.degraded),
        }
    )
    vendor, model = ports.catalogue.route(attempt.vendor, attempt.model)
    by_callback = calls_back(vendor, reachable=reference.callback_url is not None)
    learned_s = None if by_callback else _learned_s(attempt, ports)
    wait_s = first_wait_s(model.latency_s, by_callback=by_callback, learned_q02_s=learned_s)
    return replace(reserved, attempt=attempt, first_wait_s=wait_s)


def _learned_s(attempt: Attempt, ports: SubmitPorts) -> float | None:
    try:
        return ports.stats.q02(attempt.latency_key)
    except StorageError as exc:  # the catalogue's figure will do
        warn_of_vendor(exc.code, attempt)
        return None


def _begin(reserved: Submission, go_on: Callable[[Submission], StepResult]) -> StepResult:
    ports, attempt = reserved.ports, reserved.attempt
    wanted = Move(
        attempt.number,
        RESERVED,
        AttemptState.SUBMITTING,
        EventType.ATTEMPT_SUBMITTING,
        attempt={
            "submitting_at": ports.clock.now(),
            "submits": attempt.submits + 1,
            "resolution": attempt.resolution,
            "duration_s": attempt.duration_s,
            "degraded": attempt.degraded,
        },
        stage=Stage.SUBMITTING,
        states=frozenset({JobState.RUNNING}),
    )
    snapshot, begun = move(ports.ledger, ports.clock, reserved.snapshot, reserved.step.run, wanted)
    if not begun or snapshot.current is None:
        return going_on(reserved.step, snapshot)
    return go_on(replace(reserved, snapshot=snapshot, attempt=snapshot.current))


def _call(
    begun: Submission, provider: Provider, request: GenerationRequest, reference: AttemptRef
) -> StepResult:
    write = _answer(begun, provider, request, reference)
    for _ in range(_WRITES - 1):
        try:
            return write()
        except StorageError:  # the answer is too dear to be lost to one refusal of the ledger
            continue
    try:
        return write()
    except PipelineError as exc:
        # The vendor has answered: if the ledger cannot be told, nobody may take that for "not
        # accepted".
        raise SubmitUnknownError(
            f"{begun.attempt.attempt_id} was submitted, and the ledger could not be told.",
            vendor=begun.attempt.vendor,
        ) from exc


def _answer(
    begun: Submission, provider: Provider, request: GenerationRequest, reference: AttemptRef
) -> Callable[[], StepResult]:
    """Ask the vendor, and return how to write down what it said."""
    try:
        answer = provider.submit(request, reference)
    except (ProviderThrottledError, ProviderUnavailableError) as exc:
        busy = exc
        return lambda: put_back(begun, busy)
    except ProviderRejectedError as exc:
        refusal = exc
        return lambda: rejected(begun, refusal)
    except (DuplicateSubmitError, SubmitUnknownError) as exc:
        code = exc.code
        return lambda: in_doubt(begun, code)
    if isinstance(answer, Finished):
        outcome = answer.outcome
        return lambda: conclude(begun.step, begun.snapshot, outcome, begun.ports)
    return lambda: accepted(begun, answer)
