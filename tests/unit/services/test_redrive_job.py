"""Redrives: what may exist is found again, and only what is proven lost is ordered anew."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.attempts import AttemptFailure, AttemptState, Charge
from dailies.domain.catalogue import Catalogue, Lifecycle, load_catalogue
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, JobError, JobState
from dailies.domain.outcomes import Output
from dailies.domain.ports import ExecutionStatus, Snapshot
from dailies.domain.routing import next_outcome
from dailies.domain.steps import Outcome, StepInput
from dailies.services.create_job import ModelRetiredError
from dailies.services.plan import plan
from dailies.services.recording import LedgerPorts, load
from dailies.services.redrive_job import NothingToRedriveError, RedrivePorts, redrive_job
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.unit.services.ledger_states import JOB_ID, a_job, an_attempt, written

LATER = EPOCH + dt.timedelta(hours=3)
OUTPUT = Output(content_type="video/mp4", data={"url": "https://cdn.example/1"})
REFUSED = AttemptFailure(code="result_refused", message="The server refused.")
BROKEN = AttemptFailure(code="vendor_failed", message="A machine broke.", may_fail_over=True)
CHARGE = Charge(amount_usd=Decimal("0.42"), basis="catalogue")


@dataclass
class Engine:
    """The Workflow port: remembers what it was told."""

    state: ExecutionStatus = ExecutionStatus.ENDED
    started: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)

    def start(self, job_id: str, run: int) -> bool:
        self.started.append(run)
        return True

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        return self.state

    def stop(self, job_id: str, run: int, cause: str) -> None:
        self.stopped.append(run)

    def wake(self, token: str) -> None:
        raise AssertionError("A redrive wakes nobody.")


def ended(state: JobState = JobState.FAILED, **fields: Any) -> Any:
    error = JobError(code="vendor_failed", message="A machine broke.")
    return a_job(state=state, error=error, finished_at=EPOCH, auto_runs=3, **fields)


def redriven(
    ledger: InMemoryLedger,
    engine: Engine,
    *,
    now: dt.datetime = LATER,
    catalogue: Catalogue | None = None,
) -> Snapshot:
    ports = RedrivePorts(ledger, engine, catalogue or load_catalogue(), ManualClock(now))
    return redrive_job(load(ledger, JOB_ID), ports)


def types_of(ledger: InMemoryLedger) -> list[EventType]:
    return [event.type for event in ledger.events(JOB_ID)]


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.EXPIRED])
def test_job_runs_again_with_a_new_deadline_when_it_is_redriven(state: JobState) -> None:
    ledger, engine = written(ended(state), an_attempt()), Engine()

    job = redriven(ledger, engine).job

    assert (job.state, job.run, job.auto_runs, job.parked) == (JobState.RUNNING, 2, 0, False)
    assert (job.error, job.finished_at) == (None, None)
    assert job.deadline_at == LATER + dt.timedelta(hours=2)
    assert job.due_at is not None and LATER < job.due_at < job.deadline_at
    assert engine.started == [2]
    opened = ledger.events(JOB_ID)[-1]
    assert (opened.type, opened.data["automatic"]) == (EventType.RUN_OPENED, False)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (AttemptState.SUBMITTING, Outcome.RESOLVE),
        (AttemptState.UNKNOWN, Outcome.RESOLVE),
        (AttemptState.SUBMITTED, Outcome.POLL),
        (AttemptState.GENERATING, Outcome.POLL),
        (AttemptState.FETCHING, Outcome.STORE),
        (AttemptState.STORED, Outcome.PROBE),
    ],
)
def test_nothing_new_is_ordered_when_the_last_attempt_may_have_a_result(
    state: AttemptState, outcome: Outcome
) -> None:
    ledger = written(ended(JobState.EXPIRED), an_attempt(state=state))

    snapshot = redriven(ledger, Engine())

    assert len(snapshot.attempts) == 1
    assert next_outcome(snapshot, 2) is outcome


@pytest.mark.parametrize(
    "state",
    [
        AttemptState.FAILED,
        AttemptState.REJECTED,
        AttemptState.BLOCKED,
        AttemptState.ABANDONED,
    ],
)
def test_new_attempt_begins_at_the_first_model_when_the_last_one_has_no_result(
    state: AttemptState,
) -> None:
    last = an_attempt(
        state=state, route=1, vendor="google", model="veo-3.1-generate-001", failure=BROKEN
    )
    ledger = written(ended(route=1), last)

    snapshot = redriven(ledger, Engine())

    fresh = snapshot.current
    assert fresh is not None
    assert (fresh.number, fresh.route, fresh.vendor) == (2, 0, "kling")
    assert fresh.state is AttemptState.RESERVED
    assert next_outcome(snapshot, 2) is Outcome.SUBMIT
    assert EventType.ATTEMPT_RESERVED in types_of(ledger)


def test_plan_reserves_the_first_attempt_when_the_job_expired_before_it() -> None:
    ledger = written(ended(JobState.EXPIRED, attempt=0))
    redriven(ledger, Engine())

    ports = LedgerPorts(ledger, ManualClock(LATER), load_catalogue())
    result = plan(StepInput(job_id=JOB_ID, run=2), ports)

    assert result.outcome is Outcome.SUBMIT


@pytest.mark.parametrize("has_handle", [True, False])
def test_paid_file_is_fetched_again_when_it_could_not_be_stored(has_handle: bool) -> None:
    attempt = an_attempt(state=AttemptState.FAILED, failure=REFUSED, charge=CHARGE, fetches=5)
    attempt = attempt.model_copy(update={"outputs": [OUTPUT]})
    if not has_handle:
        attempt = attempt.model_copy(update={"handle": None})
    ledger = written(ended(cost_usd=Decimal("0.42")), attempt)

    snapshot = redriven(ledger, Engine())

    (again,) = snapshot.attempts
    assert (again.charge, again.failure, again.fetches) == (None, None, 0)
    assert next_outcome(snapshot, 2) is (Outcome.POLL if has_handle else Outcome.STORE)
    assert snapshot.job.cost_usd == 0, "it is counted once more when the job is settled"
    assert snapshot.job.charged in {Charged.YES, Charged.UNKNOWN}


def test_nothing_is_ordered_when_a_paid_file_is_kept_no_longer() -> None:
    attempt = an_attempt(state=AttemptState.FAILED, failure=REFUSED, charge=CHARGE)
    ledger = written(ended(), attempt.model_copy(update={"outputs": [OUTPUT]}))
    engine = Engine()

    with pytest.raises(NothingToRedriveError):
        redriven(ledger, engine, now=EPOCH + dt.timedelta(days=400))

    assert (engine.started, load(ledger, JOB_ID).job.state) == ([], JobState.FAILED)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.CANCELED, JobState.CANCELING])
def test_job_is_refused_when_it_needs_or_wants_no_result(state: JobState) -> None:
    ledger, engine = written(a_job(state=state), an_attempt()), Engine()

    with pytest.raises(NothingToRedriveError):
        redriven(ledger, engine)

    assert engine.started == []


def test_second_redrive_changes_nothing_when_the_first_is_at_work() -> None:
    failed = an_attempt(state=AttemptState.FAILED, failure=BROKEN)
    ledger, engine = written(ended(), failed), Engine()
    first = redriven(ledger, engine)
    engine.state = ExecutionStatus.RUNNING

    second = redriven(ledger, engine)

    assert (second.job.run, len(second.attempts)) == (first.job.run, 2)
    assert engine.started == [2]


def test_one_of_two_redrives_opens_the_run() -> None:
    ledger, engine = written(ended(), an_attempt()), Engine()
    seen = load(ledger, JOB_ID)
    ports = RedrivePorts(ledger, engine, load_catalogue(), ManualClock(LATER))
    for _ in range(2):
        redrive_job(seen, ports)

    assert engine.started == [2]


def test_parked_job_gets_its_next_run_at_once() -> None:
    ledger, engine = written(a_job(parked=True, auto_runs=3), an_attempt()), Engine()

    job = redriven(ledger, engine).job

    assert (job.run, job.parked, engine.started) == (2, False, [2])


def test_run_that_looks_for_a_late_result_is_stopped_first() -> None:
    ledger = written(ended(JobState.EXPIRED), an_attempt(state=AttemptState.UNKNOWN))
    engine = Engine(ExecutionStatus.RUNNING)

    redriven(ledger, engine)

    assert (engine.stopped, engine.started) == ([1], [2])


def test_new_attempt_is_refused_when_its_model_has_retired() -> None:
    catalogue = load_catalogue()
    kling = catalogue.vendors["kling"]
    gone = Lifecycle(retires_on=EPOCH.date())
    models = [m.model_copy(update={"lifecycle": gone}) for m in kling.models]
    vendors = {**catalogue.vendors, "kling": kling.model_copy(update={"models": models})}
    retired = catalogue.model_copy(update={"vendors": vendors})
    ledger = written(ended(), an_attempt(state=AttemptState.FAILED, failure=BROKEN))

    with pytest.raises(ModelRetiredError):
        redriven(ledger, Engine(), catalogue=retired)

    assert load(ledger, JOB_ID).job.state is JobState.FAILED
