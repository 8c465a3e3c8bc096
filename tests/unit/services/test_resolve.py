"""Finding out what became of a submit: only what is proven is decided."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dailies.domain.attempts import AttemptState
from dailies.domain.changes import Draft
from dailies.domain.errors import ProviderError, ProviderRejectedError, Rejection
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState
from dailies.domain.outcomes import CannotTell, Found, Handle, LookupOutcome, NotCreated
from dailies.domain.ports import AttemptRef, Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.recording import load
from dailies.services.resolve import resolve
from tests.fakes.time import EPOCH, ManualClock
from tests.fakes.vendor import VendorBook
from tests.unit.services.ledger_states import JOB_ID, RUN, a_job, an_attempt, written
from tests.workflow.wiring import Wiring

FOUND = Found(handle=Handle(vendor="kling", data={"id": "task-1"}))
MODELS = {"kling": "kling-3.0", "google": "veo-3.1-generate-001"}


class Blind:
    """A vendor without a look-up."""


class Index:
    """A vendor that can only be looked into."""

    def __init__(self, answer: LookupOutcome | Exception) -> None:
        self.answer = answer
        self.asked: list[AttemptRef] = []

    def lookup(self, attempt: AttemptRef, model: str) -> LookupOutcome:
        self.asked.append(attempt)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Search:
    """An attempt whose submit nobody knows the end of, `age_s` after it began."""

    def __init__(
        self,
        vendor: object,
        *,
        name: str = "kling",
        age_s: float = 1,
        found_in: AttemptState = AttemptState.SUBMITTING,
        **job: Any,
    ) -> None:
        fields: dict[str, Any] = {"handle": None, "submitted_at": None, "state": found_in}
        fields |= {"vendor": name, "model": MODELS[name]}
        self.ledger = written(a_job(**job), an_attempt(**fields))
        self.clock = ManualClock(EPOCH + dt.timedelta(seconds=age_s))
        book = VendorBook({name: vendor})  # type: ignore[dict-item]
        self.ports = Wiring(self.ledger, self.clock, book).resolve_ports()

    def resolve(self) -> StepResult:
        return resolve(StepInput(job_id=JOB_ID, run=RUN), self.ports)

    @property
    def snapshot(self) -> Snapshot:
        return load(self.ledger, JOB_ID)

    @property
    def state(self) -> AttemptState:
        return self.snapshot.attempts[0].state

    def told(self) -> list[EventType]:
        return [event.type for event in self.ledger.events(JOB_ID)][1:]


def test_found_task_is_adopted_at_once() -> None:
    index = Index(FOUND)
    at = Search(index)

    assert at.resolve().outcome is Outcome.POLL
    attempt = at.snapshot.attempts[0]
    assert (attempt.state, attempt.handle, attempt.submitted_at, attempt.lookups) == (
        AttemptState.SUBMITTED,
        FOUND.handle,
        EPOCH,
        1,
    )
    assert index.asked[0].attempt_id == attempt.attempt_id
    assert index.asked[0].submitting_at == EPOCH
    assert at.told() == [
        EventType.ATTEMPT_UNKNOWN,
        EventType.STAGE_ENTERED,
        EventType.ATTEMPT_RESOLVED,
    ]


@pytest.mark.parametrize("age_s", [1, 149])
def test_absence_is_not_believed_while_the_submit_may_be_under_way(age_s: float) -> None:
    at = Search(Index(NotCreated()), age_s=age_s)

    assert at.resolve().outcome is Outcome.AWAIT
    assert at.state is AttemptState.UNKNOWN


def test_task_may_be_resent_when_it_is_absent_and_duplicates_are_refused() -> None:
    at = Search(Index(NotCreated()), age_s=150)

    assert at.resolve().outcome is Outcome.SUBMIT
    assert at.state is AttemptState.RESERVED


def test_task_is_never_resent_when_the_vendor_would_bill_a_second_one() -> None:
    at = Search(Index(NotCreated()), name="google", age_s=3000)

    assert at.resolve().outcome is Outcome.AWAIT
    assert at.state is AttemptState.UNKNOWN


@pytest.mark.parametrize(
    ("job", "age_s", "outcome"),
    [
        ({"state": JobState.CANCELING}, 150, Outcome.END),
        ({"deadline_at": EPOCH + dt.timedelta(seconds=100)}, 150, Outcome.END),
        ({"state": JobState.EXPIRED}, 9000, Outcome.DONE),
    ],
)
@pytest.mark.parametrize("name", ["kling", "google"])
def test_attempt_is_closed_unpaid_when_it_is_absent_and_nothing_may_be_sent(
    name: str, job: dict[str, Any], age_s: float, outcome: Outcome
) -> None:
    at = Search(Index(NotCreated()), name=name, age_s=age_s + 60, **job)

    result = at.resolve()

    assert at.state is AttemptState.ABANDONED
    failure = at.snapshot.attempts[0].failure
    assert failure is not None
    assert (failure.code, failure.may_fail_over) == ("never_created", False)
    assert result.outcome is outcome


@pytest.mark.parametrize(
    "vendor",
    [
        Blind(),
        Index(CannotTell()),
        Index(ProviderError("odd", vendor="kling")),
        Index(ProviderRejectedError("key", reason=Rejection.AUTH, vendor="kling")),
    ],
    ids=["no look-up", "cannot tell", "an error", "a wrong key"],
)
def test_nothing_is_decided_when_nothing_was_found_out(vendor: object) -> None:
    at = Search(vendor, age_s=1000)

    result = at.resolve()

    assert (result.outcome, result.wait_s) == (Outcome.AWAIT, 120)
    assert at.state is AttemptState.UNKNOWN


def test_job_ends_in_doubt_when_the_deadline_comes_first() -> None:
    at = Search(Index(CannotTell()), age_s=7200)

    assert at.resolve().outcome is Outcome.END
    assert at.state is AttemptState.UNKNOWN


def test_late_look_ends_when_nothing_is_found() -> None:
    at = Search(Index(CannotTell()), age_s=9000, found_in=AttemptState.UNKNOWN)
    job = at.snapshot.job
    draft = Draft(job=job, now=EPOCH).set(state=JobState.EXPIRED)
    at.ledger.apply(draft.event(EventType.JOB_EXPIRED).change())

    assert at.resolve().outcome is Outcome.DONE


def test_signal_that_came_during_the_look_up_is_not_slept_over() -> None:
    index = Index(CannotTell())
    at = Search(index)
    lookup = index.lookup

    def with_signal(attempt: AttemptRef, model: str) -> LookupOutcome:
        at.ledger.signal(JOB_ID, 1)
        return lookup(attempt, model)

    index.lookup = with_signal  # type: ignore[method-assign]

    assert at.resolve().seen == 0
    assert at.snapshot.job.signal_seq == 1


@pytest.mark.parametrize("answer", [NotCreated(), CannotTell()], ids=["absent", "cannot tell"])
def test_somebody_elses_finding_stands_when_it_came_first(answer: LookupOutcome) -> None:
    index = Index(answer)
    at = Search(index)

    def answered(attempt: AttemptRef, model: str) -> LookupOutcome:
        seen = at.snapshot
        stored = an_attempt(state=AttemptState.SUBMITTED)
        draft = Draft(job=seen.job, now=EPOCH).event(EventType.ATTEMPT_SUBMITTED)
        at.ledger.apply(draft.write_attempt(stored, was=AttemptState.UNKNOWN).change())
        return answer

    index.lookup = answered  # type: ignore[method-assign]
    at.clock.sleep(1000)

    assert at.resolve().outcome is Outcome.POLL
    assert at.state is AttemptState.SUBMITTED


@pytest.mark.parametrize("state", [AttemptState.RESERVED, AttemptState.GENERATING])
def test_vendor_is_not_asked_when_the_attempt_is_not_in_doubt(state: AttemptState) -> None:
    index = Index(FOUND)
    at = Search(index, found_in=state)

    assert at.resolve().outcome in {Outcome.SUBMIT, Outcome.POLL}
    assert index.asked == []
