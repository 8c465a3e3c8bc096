"""The paid call: what is read before it, written before it, and kept of its answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Draft
from dailies.domain.errors import (
    ConfigurationError,
    InvalidRequestError,
    StorageError,
    SubmitUnknownError,
)
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState
from dailies.domain.outcomes import BilledAmount, Failed, FailureCode, Finished
from dailies.domain.ports import GenerationRequest, Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.recording import load
from dailies.services.submit import SubmitPorts, submit
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.fakes.vendor import FixedStats, Vendor, VendorBook
from tests.unit.services.ledger_states import JOB_ID, RUN, a_job, an_attempt, written
from tests.workflow.wiring import Wiring, a_request

STEP = StepInput(job_id=JOB_ID, run=RUN)


class NoStats(FixedStats):
    """A table of durations that does not answer."""

    def q02(self, key: str) -> float | None:
        raise StorageError("no answer")

    def record(self, key: str, seconds: float) -> None:
        raise StorageError("no answer")


@dataclass
class Desk:
    """One reserved attempt, and everything around it."""

    vendor: Vendor
    ledger: InMemoryLedger
    ports: SubmitPorts
    clock: ManualClock

    def submit(self) -> StepResult:
        return submit(STEP, self.ports)

    @property
    def snapshot(self) -> Snapshot:
        return load(self.ledger, JOB_ID)

    @property
    def attempt(self) -> Attempt:
        return self.snapshot.attempts[0]

    def told(self) -> list[EventType]:
        return [event.type for event in self.ledger.events(JOB_ID)][1:]

    def replace(self, **ports: Any) -> None:
        self.ports = dataclasses.replace(self.ports, **ports)


def desk(vendor: str = "kling", job: dict[str, Any] | None = None, **attempt: Any) -> Desk:
    clock = ManualClock()
    models = {"kling": "kling-3.0", "google": "veo-3.1-generate-001"}
    fields = {"state": AttemptState.RESERVED, "vendor": vendor, "model": models[vendor]}
    fields |= {"handle": None, "submitted_at": None, "submitting_at": None}
    ledger = written(a_job(**(job or {})), an_attempt(**(fields | attempt)))
    fake = Vendor(vendor, clock)
    wiring = Wiring(ledger, clock, VendorBook({vendor: fake}))
    return Desk(fake, ledger, wiring.submit_ports(), clock)


def test_record_comes_before_the_money() -> None:
    at = desk()
    states: list[AttemptState] = []
    at.vendor.interrupt = lambda phase, call: states.append(at.attempt.state)

    result = at.submit()

    assert states == [AttemptState.SUBMITTING] * 2
    assert (result.outcome, result.wait_s, result.seen) == (Outcome.AWAIT, 375, 0)
    attempt = at.attempt
    assert (attempt.state, attempt.submits) == (AttemptState.SUBMITTED, 1)
    assert (attempt.resolution, attempt.duration_s) == ("720p", 5)
    assert at.told() == [
        EventType.STAGE_ENTERED,
        EventType.ATTEMPT_SUBMITTING,
        EventType.STAGE_ENTERED,
        EventType.ATTEMPT_SUBMITTED,
    ]


def test_options_that_were_dropped_are_listed() -> None:
    at = desk()

    def lenient(job: Any, attempt: Attempt) -> GenerationRequest:
        return dataclasses.replace(a_request(job, attempt), degraded=("seed",))

    at.replace(request_for=lenient)
    at.submit()

    assert at.attempt.degraded == ["seed"]


def test_first_wait_is_the_learned_one_of_this_kind_of_generation() -> None:
    at = desk("google")
    keys: list[str] = []

    class Stats(FixedStats):
        def q02(self, key: str) -> float | None:
            keys.append(key)
            return 55.2

    at.replace(stats=Stats())

    assert at.submit().wait_s == 56
    assert keys == ["google#veo-3.1-generate-001#720p#5"]


def test_handle_is_kept_when_learned_durations_cannot_be_read() -> None:
    at = desk("google")
    at.replace(stats=NoStats())

    result = at.submit()

    assert (result.outcome, result.wait_s) == (Outcome.AWAIT, 40)
    assert at.attempt.handle is not None


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [(InvalidRequestError("no image"), False), (ConfigurationError("no such model"), True)],
)
def test_attempt_ends_unsent_when_its_request_cannot_be_made(
    error: Exception, elsewhere: bool
) -> None:
    at = desk()

    def refuse(job: Any, attempt: Attempt) -> GenerationRequest:
        raise error

    at.replace(request_for=refuse)

    assert at.submit().outcome is (Outcome.PLAN if elsewhere else Outcome.END)
    assert at.attempt.state is AttemptState.REJECTED
    assert at.vendor.calls == []


def test_nothing_is_sent_when_our_own_store_does_not_answer_before() -> None:
    at = desk()

    def down(job: Any, attempt: Attempt) -> GenerationRequest:
        raise StorageError("no answer")

    at.replace(request_for=down)

    with pytest.raises(StorageError):
        at.submit()
    assert at.attempt.state is AttemptState.RESERVED


def test_nothing_is_sent_after_the_deadline() -> None:
    at = desk()
    at.clock.sleep(7200)

    assert at.submit().outcome is Outcome.END
    assert at.vendor.calls == []


def test_nothing_is_sent_when_a_cancel_comes_just_before() -> None:
    at = desk()
    request_for = at.ports.request_for

    def canceled(job: Any, attempt: Attempt) -> GenerationRequest:
        draft = Draft(job=at.snapshot.job, now=EPOCH).set(state=JobState.CANCELING)
        at.ledger.apply(draft.event(EventType.JOB_CANCELING).change())
        return request_for(job, attempt)

    at.replace(request_for=canceled)

    assert at.submit().outcome is Outcome.END
    assert at.vendor.calls == []


@pytest.mark.parametrize(
    "state", [s for s in AttemptState if s is not AttemptState.RESERVED], ids=str
)
def test_vendor_is_not_called_when_the_attempt_is_in_any_other_state(state: AttemptState) -> None:
    at = desk(state=state)

    at.submit()

    assert at.vendor.calls == []
    assert at.told() == []


def test_answer_is_in_doubt_when_the_ledger_can_never_be_told() -> None:
    at = desk()

    def refuse(phase: str, write: str) -> None:
        if at.vendor.created:
            raise StorageError("no answer")

    at.ledger.interrupt = refuse
    with pytest.raises(SubmitUnknownError):
        at.submit()
    at.ledger.interrupt = lambda phase, write: None

    assert at.attempt.state is AttemptState.SUBMITTING
    assert at.vendor.created == 1


@pytest.mark.parametrize("word", ["throttle", "unavailable"])
def test_attempt_is_reserved_again_when_the_vendor_is_busy(word: str) -> None:
    at = desk()
    at.vendor.submits, at.vendor.retry_after_s = [word], 45

    result = at.submit()

    assert (result.outcome, result.wait_s) == (Outcome.AWAIT, 45 if word == "throttle" else 10)
    assert at.attempt.state is AttemptState.RESERVED
    assert at.told()[-1] is EventType.ATTEMPT_THROTTLED


def test_wait_after_a_throttle_ends_with_the_deadline() -> None:
    at = desk(job={"deadline_at": EPOCH + dt.timedelta(seconds=30)})
    at.vendor.submits, at.vendor.retry_after_s = ["throttle"], 300

    assert at.submit().wait_s == 30


@pytest.mark.parametrize(("routes", "outcome"), [(2, Outcome.PLAN), (1, Outcome.AWAIT)])
def test_busy_vendor_is_given_up_only_when_there_is_another(routes: int, outcome: Outcome) -> None:
    at = desk(job={"routes": a_job().routes[:routes]}, submits=7)
    at.vendor.submits = ["throttle"]

    assert at.submit().outcome is outcome


@pytest.mark.parametrize(
    ("word", "code", "outcome"),
    [
        ("reject", "rejected_balance", Outcome.PLAN),
        ("invalid", "rejected_invalid", Outcome.END),
        ("moderate", "rejected_moderation", Outcome.END),
    ],
)
def test_other_vendors_are_asked_when_the_refusal_is_not_about_the_request(
    word: str, code: str, outcome: Outcome
) -> None:
    at = desk()
    at.vendor.submits = [word]

    assert at.submit().outcome is outcome
    assert at.attempt.failure is not None
    assert at.attempt.failure.code == code


def test_refused_duplicate_is_looked_up() -> None:
    at = desk()
    at.submit()
    again = desk()
    again.vendor.tasks = at.vendor.tasks

    assert again.submit().outcome is Outcome.RESOLVE
    assert again.attempt.state is AttemptState.UNKNOWN


def test_result_in_the_answer_is_stored_at_once() -> None:
    at = desk()
    at.vendor.submits = ["finished"]

    assert at.submit().outcome is Outcome.STORE
    assert (at.attempt.state, at.attempt.submitted_at) == (AttemptState.FETCHING, EPOCH)


def test_failure_in_the_answer_is_charged_as_the_vendor_says() -> None:
    at = desk()
    billed = BilledAmount(amount="0.5", unit="usd", amount_usd="0.5")
    failed = Failed(code=FailureCode.VENDOR_FAILED, message="it failed", billed=billed)
    at.vendor.submit = lambda request, attempt: Finished(outcome=failed)  # type: ignore[method-assign]

    assert at.submit().outcome is Outcome.PLAN
    assert at.attempt.charge is not None
    assert str(at.attempt.charge.amount_usd) == "0.5"


def test_zombies_answer_is_dropped_when_the_task_was_adopted() -> None:
    at = desk()

    def adopt(phase: str, call: str) -> None:
        if phase == "after":
            seen = at.snapshot
            adopted = an_attempt(state=AttemptState.GENERATING)
            draft = Draft(job=seen.job, now=EPOCH).event(EventType.ATTEMPT_RESOLVED)
            draft.write_attempt(adopted, was=AttemptState.SUBMITTING)
            at.ledger.apply(draft.change())

    at.vendor.interrupt = adopt

    assert at.submit().outcome is Outcome.POLL
    assert at.attempt.state is AttemptState.GENERATING
