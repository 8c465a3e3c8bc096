"""Runs: opened once, stopped first, started again, parked; and the small steps around them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.attempts import AttemptState, Charge
from dailies.domain.catalogue import load_catalogue
from dailies.domain.changes import Draft
from dailies.domain.errors import StorageError
from dailies.domain.events import Event, EventType
from dailies.domain.jobs import JobState
from dailies.domain.outcomes import BilledAmount
from dailies.domain.ports import ExecutionStatus
from dailies.domain.steps import Outcome, StepInput
from dailies.services.cancel_job import cancel_job
from dailies.services.open_run import open_run
from dailies.services.plan import plan
from dailies.services.recording import LedgerPorts, load
from dailies.services.republish import republish
from dailies.services.settle import settle
from dailies.services.sweep import SweepPorts, look_after, sweep
from tests.fakes.api import RecordedCompute
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.unit.services.ledger_states import JOB_ID, RUN, a_job, an_attempt, written

STEP = StepInput(job_id=JOB_ID, run=RUN)
LATER = EPOCH + dt.timedelta(minutes=10)


@dataclass
class Engine:
    """The Workflow port: remembers what it was told."""

    state: ExecutionStatus = ExecutionStatus.ENDED
    takes_starts: bool = True
    started: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)

    def start(self, job_id: str, run: int) -> bool:
        self.started.append(run)
        return self.takes_starts

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        return self.state

    def stop(self, job_id: str, run: int, cause: str) -> None:
        self.stopped.append(run)

    def wake(self, token: str) -> None:
        self.woken.append(token)


def swept(
    ledger: InMemoryLedger, engine: Engine, now: dt.datetime = LATER, run: int | None = None
) -> None:
    ports = SweepPorts(ledger, ManualClock(now), load_catalogue(), engine, RecordedCompute())
    look_after(JOB_ID, ports, run=run)


def job_of(ledger: InMemoryLedger) -> Any:
    return ledger.job(JOB_ID)


# ------------------------------------------------------------ the sweeper


def test_run_that_was_never_started_is_started() -> None:
    ledger, engine = written(a_job(due_at=EPOCH)), Engine(ExecutionStatus.ABSENT)

    swept(ledger, engine)

    assert engine.started == [1]
    assert job_of(ledger).due_at == LATER + dt.timedelta(seconds=180)


def test_start_is_tried_again_within_a_minute_when_the_quota_refused_it() -> None:
    ledger = written(a_job(due_at=EPOCH))
    engine = Engine(ExecutionStatus.ABSENT, takes_starts=False)

    swept(ledger, engine)

    assert job_of(ledger).due_at == LATER + dt.timedelta(seconds=60)


def test_job_with_a_live_run_is_left_alone() -> None:
    ledger, engine = written(a_job(due_at=EPOCH), an_attempt()), Engine(ExecutionStatus.RUNNING)

    swept(ledger, engine)

    assert (engine.started, engine.stopped) == ([], [])
    assert len(ledger.events(JOB_ID)) == 1


@pytest.mark.parametrize("used", [0, 1, 2])
def test_next_run_is_opened_when_one_has_died(used: int) -> None:
    ledger, engine = written(a_job(due_at=EPOCH, auto_runs=used), an_attempt()), Engine()

    swept(ledger, engine, run=1)

    assert engine.started == [2]
    assert (job_of(ledger).run, job_of(ledger).auto_runs) == (2, used + 1)


def test_job_is_parked_once_when_its_runs_are_used_up() -> None:
    ledger, engine = written(a_job(due_at=EPOCH, auto_runs=3), an_attempt()), Engine()

    for _ in range(2):
        swept(ledger, engine)

    job = job_of(ledger)
    assert (job.parked, job.due_at, job.run) == (True, job.deadline_at, 1)
    assert [e.type for e in ledger.events(JOB_ID)].count(EventType.JOB_PARKED) == 1


def test_parked_job_waits_for_its_deadline_when_something_moved_its_due_time() -> None:
    ledger, engine = written(a_job(due_at=EPOCH, auto_runs=3, parked=True), an_attempt()), Engine()

    swept(ledger, engine)

    assert job_of(ledger).due_at == job_of(ledger).deadline_at
    assert len(ledger.events(JOB_ID)) == 1


def test_nothing_happens_when_the_job_is_gone_or_the_run_is_old() -> None:
    engine = Engine()
    swept(InMemoryLedger(), engine)
    swept(written(a_job(run=2)), engine, run=1)
    assert engine.started == []


def test_late_results_are_looked_for_in_a_run_of_their_own() -> None:
    ledger = written(a_job(state=JobState.EXPIRED, due_at=EPOCH, auto_runs=3), an_attempt())
    engine = Engine()

    swept(ledger, engine)

    assert engine.started == [2]
    assert (job_of(ledger).auto_runs, job_of(ledger).due_at) == (
        3,
        LATER + dt.timedelta(minutes=10),
    )


def test_looks_end_when_nothing_is_open_any_more() -> None:
    failed = an_attempt(state=AttemptState.FAILED)
    ledger, engine = written(a_job(state=JobState.EXPIRED, due_at=EPOCH), failed), Engine()

    for _ in range(2):
        swept(ledger, engine)

    assert (engine.started, job_of(ledger).due_at) == ([], None)


def test_settled_result_is_attached_when_the_run_died_before_it_told_of_it() -> None:
    charge = Charge(amount_usd=Decimal("0.42"), basis="catalogue")
    settled = an_attempt(state=AttemptState.STORED, charge=charge, asset_id="ast_1")
    ledger = written(a_job(state=JobState.EXPIRED, due_at=EPOCH), settled)
    engine = Engine()

    for _ in range(2):
        swept(ledger, engine)

    assert (job_of(ledger).assets, job_of(ledger).due_at, engine.started) == (["ast_1"], None, [])
    assert [e.type for e in ledger.events(JOB_ID)].count(EventType.JOB_LATE_ASSET) == 1


def test_lost_start_of_a_late_look_is_repeated_without_a_new_run() -> None:
    ledger = written(a_job(state=JobState.EXPIRED, due_at=EPOCH, run=2), an_attempt())
    engine = Engine(ExecutionStatus.ABSENT)

    swept(ledger, engine)

    assert engine.started == [2]
    assert job_of(ledger).due_at == LATER + dt.timedelta(minutes=10)


def test_sweep_counts_what_was_due_and_goes_on_when_one_fails() -> None:
    ledger, engine = written(a_job(due_at=EPOCH), an_attempt()), Engine()

    def down(job_id: str, run: int) -> ExecutionStatus:
        raise StorageError("no answer")

    engine.status = down  # type: ignore[method-assign]
    ports = SweepPorts(ledger, ManualClock(LATER), load_catalogue(), engine, RecordedCompute())

    assert sweep(ports) == 1
    assert job_of(ledger).due_at == EPOCH, "it comes again"


# ------------------------------------------------------------ opening a run


@pytest.mark.parametrize("alive", [True, False])
def test_live_run_is_stopped_before_the_next_one_is_opened(alive: bool) -> None:
    ledger = written(a_job(parked=True), an_attempt())
    engine = Engine(ExecutionStatus.RUNNING if alive else ExecutionStatus.ENDED)

    opened = open_run(
        load(ledger, JOB_ID),
        ledger=ledger,
        workflow=engine,
        clock=ManualClock(),
        automatic=False,
    )

    assert engine.stopped == ([1] if alive else [])
    assert (opened.job.run, opened.job.parked, opened.job.auto_runs) == (2, False, 0)


def test_one_of_two_opens_the_run() -> None:
    ledger, engine = written(a_job(), an_attempt()), Engine()
    seen = load(ledger, JOB_ID)
    for _ in range(2):
        open_run(seen, ledger=ledger, workflow=engine, clock=ManualClock(), automatic=True)

    assert engine.started == [2]
    assert job_of(ledger).auto_runs == 1


# ------------------------------------------------------------ cancel


def test_cancel_is_written_then_signaled_then_woken() -> None:
    ledger, engine = written(a_job(), an_attempt()), Engine()
    ledger.put_token(JOB_ID, run=1, seen=0, token="t-1")

    canceled = cancel_job(
        load(ledger, JOB_ID),
        ledger=ledger,
        workflow=engine,
        compute=RecordedCompute(),
        clock=ManualClock(),
    )

    assert canceled.job.state is JobState.CANCELING
    assert (job_of(ledger).signal_seq, engine.woken) == (1, ["t-1"])


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.EXPIRED])
def test_cancel_changes_nothing_when_the_job_has_ended(state: JobState) -> None:
    ledger, engine = written(a_job(state=state, token="t-1")), Engine()

    cancel_job(
        load(ledger, JOB_ID),
        ledger=ledger,
        workflow=engine,
        compute=RecordedCompute(),
        clock=ManualClock(),
    )

    assert (len(ledger.events(JOB_ID)), engine.woken) == (1, [])


# ------------------------------------------------------------ Plan and Settle


def core(ledger: InMemoryLedger, now: dt.datetime = EPOCH) -> LedgerPorts:
    return LedgerPorts(ledger, ManualClock(now), load_catalogue())


def test_new_job_is_started_and_its_first_attempt_reserved() -> None:
    ledger = written(a_job(state=JobState.QUEUED, attempt=0))

    assert plan(STEP, core(ledger)).outcome is Outcome.SUBMIT

    snapshot = load(ledger, JOB_ID)
    assert (snapshot.job.state, snapshot.job.attempt, snapshot.job.route) == ("running", 1, 0)
    assert snapshot.attempts[0].state is AttemptState.RESERVED
    assert EventType.JOB_STARTED in [event.type for event in ledger.events(JOB_ID)]


@pytest.mark.parametrize("attempt", [None, an_attempt(state=AttemptState.RESERVED)])
def test_nothing_is_reserved_or_sent_after_the_deadline(attempt: Any) -> None:
    ledger = written(a_job(state=JobState.QUEUED), attempt)

    late = core(ledger, EPOCH + dt.timedelta(hours=2))

    assert plan(STEP, late).outcome is Outcome.END
    assert len(ledger.events(JOB_ID)) == 1


def test_result_is_asked_for_once_more_after_the_deadline() -> None:
    late = core(written(a_job(), an_attempt()), EPOCH + dt.timedelta(hours=3))
    assert plan(STEP, late).outcome is Outcome.POLL


@pytest.mark.parametrize(
    ("billed", "amount", "basis"),
    [
        (BilledAmount(amount="3", unit="kling_unit", amount_usd="0.39"), "0.39", "vendor"),
        (BilledAmount(amount="3", unit="kling_unit"), "0.420", "catalogue"),
        (None, "0.420", "catalogue"),
    ],
)
def test_charge_is_the_vendors_figure_or_its_price_list(
    billed: BilledAmount | None, amount: str, basis: str
) -> None:
    stored = an_attempt(state=AttemptState.STORED, billed=billed, asset_id="ast_1")
    ledger = written(a_job(), stored)

    assert settle(STEP, core(ledger)).outcome is Outcome.NOTIFY

    snapshot = load(ledger, JOB_ID)
    charge = snapshot.attempts[0].charge
    assert charge is not None
    assert (charge.amount_usd, charge.basis) == (Decimal(amount), basis)
    assert snapshot.job.cost_usd == Decimal(amount)
    assert settle(STEP, core(ledger)).outcome is Outcome.NOTIFY
    assert load(ledger, JOB_ID) == snapshot, "once"


def test_nothing_is_settled_before_the_result_is_stored() -> None:
    assert settle(STEP, core(written(a_job(), an_attempt()))).outcome is Outcome.POLL


# ------------------------------------------------------------ the outbox


@dataclass
class Bus:
    put_ids: list[str] = field(default_factory=list)

    def put(self, event: Event, detail: Mapping[str, Any]) -> None:
        self.put_ids.append(event.event_id)


def test_events_that_nobody_published_for_a_minute_are_published() -> None:
    ledger, bus = written(a_job()), Bus()
    for seconds in (0, 30):
        now = EPOCH + dt.timedelta(seconds=seconds)
        draft = Draft(job=job_of(ledger), now=now).event(EventType.JOB_PROGRESS)
        ledger.apply(draft.change())
    clock = ManualClock(EPOCH + dt.timedelta(seconds=61))

    assert republish(ledger, bus, clock) == 1
    assert len(bus.put_ids) == 1
    assert republish(ledger, bus, clock) == 0
