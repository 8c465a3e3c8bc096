"""After a restart: forgotten tasks are claimed or told, dead runs are followed by new ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest

from dailies.domain.attempts import AttemptState
from dailies.domain.events import EventType
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import JobState
from dailies.domain.ports import ExecutionStatus
from dailies.domain.routing import next_outcome
from dailies.domain.steps import Outcome
from dailies.services.recording import load
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.unit.services.ledger_states import JOB_ID, ROUTES, a_job, an_attempt, written
from tools.reattach import VendorTask, claim, resume

ATTEMPT = attempt_id(JOB_ID, 1)


def a_task(**fields: Any) -> VendorTask:
    values: dict[str, Any] = {
        "vendor": "kling",
        "task_id": "880077",
        "external_id": ATTEMPT,
        "model": "kling-3.0",
        "created_at": EPOCH,
    }
    return VendorTask(**(values | fields))


@dataclass
class Engine:
    """The Workflow port: knows which runs are alive and which were started."""

    dead: set[int] = field(default_factory=set)
    alive: set[int] = field(default_factory=set)

    def start(self, job_id: str, run: int) -> bool:
        if run not in self.dead:  # a name is used once
            self.alive.add(run)
        return True

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        if run in self.alive:
            return ExecutionStatus.RUNNING
        return ExecutionStatus.ENDED if run in self.dead else ExecutionStatus.ABSENT

    def stop(self, job_id: str, run: int, cause: str) -> None:
        raise AssertionError("Nothing that lives is stopped.")

    def wake(self, token: str) -> None:
        raise AssertionError("Nobody is woken.")


def test_nothing_is_told_when_the_ledger_knows_the_task() -> None:
    assert claim(a_task(), written(a_job(), an_attempt()), ManualClock()) is None


def test_reserved_attempt_is_only_looked_up_when_its_vendor_has_the_task() -> None:
    ledger = written(a_job(), an_attempt(state=AttemptState.RESERVED, submitting_at=None))

    told = claim(a_task(), ledger, ManualClock())

    snapshot = load(ledger, JOB_ID)
    assert next_outcome(snapshot, 1) is Outcome.RESOLVE
    assert snapshot.current is not None and snapshot.current.submitting_at == EPOCH
    assert told is not None and "880077" in told and ATTEMPT in told and JOB_ID in told


@pytest.mark.parametrize(
    ("task", "route"),
    [
        (a_task(), 0),
        (
            a_task(
                vendor="google",
                model="veo-3.1-generate-001",
                external_id=f"gs://bucket/clips/{ATTEMPT}/",
            ),
            1,
        ),
    ],
)
def test_attempt_is_written_anew_when_even_its_reservation_was_forgotten(
    task: VendorTask, route: int
) -> None:
    ledger = written(a_job(state=JobState.QUEUED, attempt=0))

    claim(task, ledger, ManualClock())

    snapshot = load(ledger, JOB_ID)
    attempt = snapshot.current
    assert attempt is not None
    assert (attempt.attempt_id, attempt.route, attempt.vendor) == (ATTEMPT, route, task.vendor)
    assert (snapshot.job.state, snapshot.job.attempt) == (JobState.RUNNING, 1)
    assert next_outcome(snapshot, 1) is Outcome.RESOLVE
    assert EventType.ATTEMPT_UNKNOWN in [event.type for event in ledger.events(JOB_ID)]


@pytest.mark.parametrize(
    ("task", "job", "says"),
    [
        (a_task(external_id=""), a_job(), "no job of ours asked for"),
        (a_task(external_id="somebody-elses"), a_job(), "no job of ours asked for"),
        (a_task(external_id=attempt_id("job_" + "0" * 26, 1)), a_job(), "was lost"),
        (a_task(external_id=attempt_id(JOB_ID, 7)), a_job(), "does not know"),
        (a_task(), a_job(state=JobState.FAILED, attempt=0), "does not know"),
        (a_task(model="kling-2.6"), a_job(attempt=0), "does not know"),
    ],
)
def test_task_is_told_and_left_alone_when_it_belongs_to_no_attempt(
    task: VendorTask, job: Any, says: str
) -> None:
    ledger = written(job)

    told = claim(task, ledger, ManualClock())

    assert told is not None and says in told and "880077" in told
    assert load(ledger, JOB_ID).job == job
    assert ROUTES[0] == "kling/kling-3.0"


def test_job_gets_a_new_run_that_counts_against_no_limit_when_its_run_died() -> None:
    ledger, engine = written(a_job(auto_runs=3), an_attempt()), Engine(dead={1})

    assert resume(JOB_ID, ledger, engine, ManualClock())

    job = load(ledger, JOB_ID).job
    assert (job.run, job.auto_runs, engine.alive) == (2, 3, {2})


def test_names_that_dead_runs_have_used_are_passed_over() -> None:
    ledger, engine = written(a_job(), an_attempt()), Engine(dead={1, 2, 3})

    resume(JOB_ID, ledger, engine, ManualClock())

    assert (load(ledger, JOB_ID).job.run, engine.alive) == (4, {4})


def test_lost_run_is_started_under_its_own_name() -> None:
    ledger, engine = written(a_job(), an_attempt()), Engine()

    assert resume(JOB_ID, ledger, engine, ManualClock())

    assert (load(ledger, JOB_ID).job.run, engine.alive) == (1, {1})


@pytest.mark.parametrize("job", [a_job(parked=True), a_job(state=JobState.SUCCEEDED)])
def test_job_is_left_alone_when_nothing_is_to_be_done(job: Any) -> None:
    engine = Engine(dead={1})

    assert not resume(JOB_ID, written(job, an_attempt()), engine, ManualClock())
    assert not resume(JOB_ID, InMemoryLedger(), engine, ManualClock())
    assert not resume(JOB_ID, written(a_job(), an_attempt()), Engine(alive={1}), ManualClock())

    assert engine.alive == set()


def test_report_of_a_simulator_is_read() -> None:
    row = {"id": "1", "external_id": ATTEMPT, "model": "kling-3.0", "created_at": 0.0, "mode": "x"}

    task = VendorTask.read("kling", row)

    assert task.created_at == dt.datetime.fromtimestamp(0, dt.UTC)
