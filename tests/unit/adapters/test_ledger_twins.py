"""The two ledgers side by side: the same random writes, many of them stale, end the same."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.domain.attempts import AttemptState
from dailies.domain.errors import ConflictError
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, JobState, Stage
from dailies.domain.ports import Ledger
from tests.fakes.ledger import InMemoryLedger
from tests.unit.adapters.conftest import TABLE, client, create_table
from tests.unit.adapters.samples import NOW, SECOND, a_creation, a_job, an_attempt, draft

Write = Callable[[Ledger], object]
ALWAYS = NOW + dt.timedelta(days=1)


@pytest.fixture
def twins() -> Iterator[tuple[Ledger, Ledger]]:
    with mock_aws():
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        yield DynamoDbLedger(TABLE, dynamodb), InMemoryLedger()


class Play:
    """Makes up writes from versions of jobs that it has seen: the newest, and older ones."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._seen = [a_job(NOW + n * SECOND) for n in range(3)]
        self._at = NOW

    def see(self, job: Job | None) -> None:
        if job is not None:
            self._seen.append(job)

    def write(self) -> tuple[str, Write]:
        """Return the id of a job, and something to do with it."""
        self._at += SECOND
        job = self._chance.choice(self._seen[-6:])
        make = self._chance.choice([self._create, self._change, self._change, self._signal])
        return job.job_id, make(job)

    def _create(self, job: Job) -> Write:
        key = self._chance.choice([job.job_id, "shared"])
        return lambda ledger: ledger.create(a_creation(job, key=key))

    def _signal(self, job: Job) -> Write:
        attempt = self._chance.choice([None, 1, 2])
        return lambda ledger: ledger.signal(job.job_id, attempt, limit=2)

    def _change(self, job: Job) -> Write:
        change = draft(job, self._at)
        for fields in self._some(self._fields()):
            change.set(**fields)
        for kind in self._some([EventType.JOB_STARTED, EventType.STAGE_ENTERED]):
            change.event(kind, at=self._at.isoformat())
        if self._chance.random() < 0.5:
            states = [AttemptState.RESERVED, AttemptState.SUBMITTING, AttemptState.UNKNOWN]
            attempt = an_attempt(job, self._chance.choice([1, 2]), state=self._pick(states))
            change.write_attempt(attempt, was=self._pick([None, *states]))
        if self._chance.random() < 0.5:
            change.states = frozenset(JobState)
        done = change.change()
        return lambda ledger: ledger.apply(done)

    def _fields(self) -> list[dict[str, Any]]:
        due = self._pick([None, self._at, self._at + 60 * SECOND])
        return [
            {"due_at": due},
            {"stage": self._pick(list(Stage))},
            {"state": self._pick([JobState.RUNNING, JobState.CANCELING])},
            {"run": self._chance.choice([1, 2])},
        ]

    def _pick(self, choices: list[Any]) -> Any:
        return self._chance.choice(choices)

    def _some(self, choices: list[Any]) -> list[Any]:
        return [choice for choice in choices if self._chance.random() < 0.5]


def outcome(write: Write, ledger: Ledger) -> object:
    try:
        return write(ledger)
    except ConflictError:
        return ConflictError


def rows_of(ledger: Ledger, job_id: str) -> tuple[object, ...]:
    return ledger.snapshot(job_id), ledger.events(job_id, limit=500)


def indexes(ledger: Ledger) -> tuple[object, ...]:
    due = {job.job_id: job for job in ledger.due(ALWAYS, limit=50)}
    unpublished = {event.event_id for event in ledger.unpublished(ALWAYS, limit=500)}
    return due, unpublished, ledger.jobs("acme", limit=50)


@pytest.mark.parametrize("seed", range(4))
def test_ledgers_agree_when_the_same_is_written_to_both(
    twins: tuple[Ledger, Ledger], seed: int
) -> None:
    real, fake = twins
    play = Play(seed)
    conflicts = 0
    for _ in range(40):
        job_id, write = play.write()
        result = outcome(write, real)
        assert outcome(write, fake) == result
        assert rows_of(fake, job_id) == rows_of(real, job_id)
        conflicts += result is ConflictError
        play.see(real.job(job_id))
    assert indexes(fake) == indexes(real)
    assert 5 < conflicts < 35
