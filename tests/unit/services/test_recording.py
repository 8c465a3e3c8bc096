"""Writing to the ledger: anew when somebody was quicker, not at all when a run lost the job."""

from __future__ import annotations

import pytest

from dailies.domain.attempts import AttemptState
from dailies.domain.changes import Draft
from dailies.domain.errors import ConfigurationError, StorageError
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, JobState, Stage
from dailies.domain.ports import Snapshot
from dailies.services.recording import ANY_STATE, Move, draft, load, move, record
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.unit.services.ledger_states import JOB_ID, RUN, a_job, an_attempt, written

TO_GENERATING = Move(
    1,
    frozenset({AttemptState.SUBMITTED}),
    AttemptState.GENERATING,
    EventType.ATTEMPT_SUBMITTED,
    stage=Stage.GENERATING,
)


@pytest.fixture
def ledger() -> InMemoryLedger:
    return written(a_job(), an_attempt())


def note(snapshot: Snapshot) -> Draft:
    return draft(snapshot, EPOCH, states=ANY_STATE).event(EventType.JOB_PROGRESS)


def test_job_that_is_missing_is_a_fault_of_the_stage() -> None:
    with pytest.raises(ConfigurationError):
        load(InMemoryLedger(), JOB_ID)


def test_change_is_built_anew_when_somebody_was_quicker(ledger: InMemoryLedger) -> None:
    stale = load(ledger, JOB_ID)
    record(ledger, stale, RUN, note)
    built: list[int] = []

    def build(seen: Snapshot) -> Draft:
        built.append(seen.job.event_seq)
        return note(seen)

    newest, was_written = record(ledger, stale, RUN, build)

    assert was_written
    assert built == [1, 2]
    assert newest.job.event_seq == 3
    assert ledger.job(JOB_ID) == newest.job


def test_nothing_is_written_when_another_run_owns_the_job(ledger: InMemoryLedger) -> None:
    snapshot = load(ledger, JOB_ID)

    newest, was_written = record(ledger, snapshot, RUN + 1, note)

    assert (newest, was_written) == (snapshot, False)
    assert len(ledger.events(JOB_ID)) == 1


def test_nothing_is_written_when_another_run_takes_the_job_over_meanwhile(
    ledger: InMemoryLedger,
) -> None:
    stale = load(ledger, JOB_ID)
    record(ledger, stale, RUN, lambda seen: note(seen).set(run=2))

    newest, was_written = record(ledger, stale, RUN, note)

    assert not was_written
    assert newest.job.run == 2


def test_nothing_is_written_when_there_is_nothing_to_change(ledger: InMemoryLedger) -> None:
    _, was_written = record(ledger, load(ledger, JOB_ID), RUN, lambda seen: None)
    assert not was_written


def test_writer_gives_up_when_others_never_stop(ledger: InMemoryLedger) -> None:
    def always_late(seen: Snapshot) -> Draft:
        record(ledger, load(ledger, JOB_ID), RUN, note)
        return note(seen)

    with pytest.raises(StorageError):
        record(ledger, load(ledger, JOB_ID), RUN, always_late)


def test_move_is_declined_when_somebody_has_decided(ledger: InMemoryLedger) -> None:
    stale = load(ledger, JOB_ID)
    clock = ManualClock()
    assert move(ledger, clock, stale, RUN, TO_GENERATING)[1]

    newest, was_written = move(ledger, clock, stale, RUN, TO_GENERATING)

    assert not was_written
    assert newest.attempts[0].state is AttemptState.GENERATING


def test_move_is_declined_when_the_job_is_in_another_state(ledger: InMemoryLedger) -> None:
    snapshot = load(ledger, JOB_ID)
    record(ledger, snapshot, RUN, lambda seen: note(seen).set(state=JobState.CANCELING))
    only_running = Move(
        1,
        frozenset({AttemptState.SUBMITTED}),
        AttemptState.GENERATING,
        states=frozenset({JobState.RUNNING}),
    )

    _, was_written = move(ledger, ManualClock(), snapshot, RUN, only_running)

    assert not was_written


def test_move_tells_its_stage_once_and_keeps_the_charge(ledger: InMemoryLedger) -> None:
    snapshot, _ = move(ledger, ManualClock(), load(ledger, JOB_ID), RUN, TO_GENERATING)

    assert snapshot.job.stage is Stage.GENERATING
    assert snapshot.job.charged is Charged.UNKNOWN
    assert snapshot.job.due_at is not None
    types = [event.type for event in ledger.events(JOB_ID)]
    assert types == [EventType.JOB_QUEUED, EventType.STAGE_ENTERED, EventType.ATTEMPT_SUBMITTED]


def test_job_that_has_ended_keeps_its_stage_and_its_due_time() -> None:
    ledger = written(a_job(state=JobState.EXPIRED), an_attempt())

    snapshot, _ = move(ledger, ManualClock(), load(ledger, JOB_ID), RUN, TO_GENERATING)

    assert snapshot.attempts[0].state is AttemptState.GENERATING
    assert (snapshot.job.stage, snapshot.job.due_at) == (Stage.VALIDATING, None)
