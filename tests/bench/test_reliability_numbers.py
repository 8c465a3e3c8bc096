"""The reliability bench, small; and that its audit sees what it is there to see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from bench.faulty.audit import KINDS, audit
from bench.faulty.stage import FaultyStage, Yard
from bench.reliability import models, one_job, run, tell
from bench.waiting import quiet
from dailies.domain.attempts import AttemptState
from dailies.domain.jobs import JobState


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    with closing(Yard()) as made:
        yield made


@pytest.mark.parametrize(("faults", "seed"), [(0, 1), (5, 2), (20, 3), (40, 4)])
def test_nothing_is_wrong_when_everything_fails_now_and_then(faults: float, seed: int) -> None:
    told = run(8, faults, seed, 1)

    assert told.jobs == sum(told.ends.values()) == 8
    assert not told.wrong, told.details
    assert bool(told.faults) is bool(faults)


def test_every_living_model_is_used() -> None:
    vendors = {model.partition("/")[0] for model in models()}
    assert vendors == {"kling", "google", "gemini"}


def test_job_goes_the_same_way_when_its_seed_and_number_are_the_same(yard: Yard) -> None:
    first, again = (tell(yard, 7, 3, 0.2) for _ in range(2))
    assert first.ends == again.ends
    assert first.faults == again.faults


def _sound(yard: Yard) -> tuple[FaultyStage, str]:
    with quiet():
        stage, job_id = one_job(yard, 1, 2, 0)
        assert audit(stage, job_id) == []
    assert stage.job(job_id).state is JobState.SUCCEEDED
    return stage, job_id


def _kinds(stage: FaultyStage, job_id: str) -> set[str]:
    with quiet():
        found = {finding.kind for finding in audit(stage, job_id)}
    assert found <= set(KINDS)
    return found


def test_job_without_an_end_is_lost(yard: Yard) -> None:
    stage, job_id = _sound(yard)
    job = stage.job(job_id)
    stage.ledger._jobs[job_id] = job.model_copy(update={"state": JobState.RUNNING})
    assert "lost" in _kinds(stage, job_id)


def test_paid_result_that_is_not_attached_is_lost(yard: Yard) -> None:
    stage, job_id = _sound(yard)
    attempt = stage.snapshot(job_id).attempts[0]
    failed = attempt.model_copy(update={"state": AttemptState.FAILED})
    stage.ledger._attempts[job_id, 1] = failed
    assert "lost" in _kinds(stage, job_id)


def test_execution_that_goes_on_is_stuck(yard: Yard) -> None:
    stage, job_id = _sound(yard)
    stage.walks[f"{job_id}-1"].status = "RUNNING"
    assert _kinds(stage, job_id) == {"stuck"}


def test_second_task_of_an_attempt_is_paid_twice(yard: Yard) -> None:
    stage, job_id = _sound(yard)
    assert stage.network is not None
    vendor = next(v for v in stage.network.by_name.values() if v.tasks)
    vendor.store.add(vendor.tasks[0].model_copy(update={"id": "another"}))
    assert "paid twice" in _kinds(stage, job_id)


def test_task_that_no_attempt_explains_is_unexplained(yard: Yard) -> None:
    stage, job_id = _sound(yard)
    assert stage.network is not None
    vendor = next(v for v in stage.network.by_name.values() if v.tasks)
    stranger = vendor.tasks[0].model_copy(update={"id": "x", "external_id": "x"})
    vendor.store.add(stranger)
    assert "unexplained" in _kinds(stage, job_id)


def test_gap_in_the_event_log_is_unexplained(yard: Yard) -> None:
    stage, job_id = _sound(yard)
    stage.ledger._events.pop((job_id, 2))
    assert "unexplained" in _kinds(stage, job_id)


def test_webhook_that_never_came_is_lost(yard: Yard) -> None:
    stage, job_id = _sound(yard)
    stage.receiver.taken.clear()
    assert _kinds(stage, job_id) == {"webhooks lost"}
    assert replace(audit(stage, job_id)[0], what="").kind == "webhooks lost"
