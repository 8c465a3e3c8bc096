"""`generate.asl.json` in moto's interpreter: one case per class, on DynamoDB and virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dailies.domain.attempts import AttemptState
from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, JobState
from tests.workflow.deployment import Deployment, deployment
from tests.workflow.harness import MACHINES
from tests.workflow.stories import GOOGLE, KLING


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    text = (MACHINES / "generate.asl.json").read_text("utf-8")
    with deployment(monkeypatch, text) as deployed:
        yield deployed


def test_job_succeeds_within_a_second_of_the_vendors_callback(stage: Deployment) -> None:
    job_id = stage.run()

    job, execution = stage.job(job_id), stage.execution(job_id)
    assert (execution.status, job.state, job.charged) == (
        "SUCCEEDED",
        JobState.SUCCEEDED,
        Charged.YES,
    )
    assert execution.visited == [
        *("Begin", "Plan", "AfterPlan", "Submit", "AfterSubmit", "Await"),
        *("Poll", "AfterPoll", "Store", "AfterStore", "Probe", "AfterProbe"),
        *("Check", "AfterCheck", "Settle", "AfterSettle", "Notify", "AfterNotify", "Done"),
    ]
    assert stage.seen_after_s(stage.kling, job_id) <= 1
    assert stage.kling.calls == ["submit:accept", "poll"]


def test_video_is_enhanced_by_the_nested_execution_of_its_task(stage: Deployment) -> None:
    job_id = stage.run(enhance={"stages": [{"name": "sr", "scale": 2}]})

    job, execution = stage.job(job_id), stage.execution(job_id)
    assert job.state is JobState.SUCCEEDED, execution.cause
    assert job.enhancement is not None
    assert job.assets == [job.enhancement.asset_id]
    assert execution.visited[-12:-4] == [
        *("Check", "AfterCheck", "Enhance", "AfterEnhance"),
        *("Compute", "TakeEnhanced", "AfterTakeEnhanced", "Settle"),
    ]


def test_lost_task_is_followed_by_another_when_its_machine_died(stage: Deployment) -> None:
    stage.farm.plays = ["dies", "late_death"]

    job_id = stage.run(enhance={})

    job, execution = stage.job(job_id), stage.execution(job_id)
    assert job.state is JobState.SUCCEEDED, execution.cause
    assert job.enhancement is not None
    assert [task.state for task in job.enhancement.tries] == ["lost", "succeeded"]
    assert execution.visited.count("Pause") == 1


def test_new_run_reads_the_report_when_the_task_of_the_one_before_is_closed(
    stage: Deployment,
) -> None:
    stage.platform_errors = {"TakeEnhanced": ["Permanent"]}
    job_id = stage.run(enhance={})
    assert stage.execution(job_id).error == "RunFailed"

    stage.redrive(job_id)

    job, execution = stage.job(job_id), stage.execution(job_id, 2)
    assert execution.visited == [
        *("Begin", "Plan", "AfterPlan", "Enhance", "AfterEnhance"),
        *("Compute", "TakeEnhanced", "AfterTakeEnhanced"),
        *("Settle", "AfterSettle", "Notify", "AfterNotify", "Done"),
    ]
    assert job.enhancement is not None
    assert [task.state for task in job.enhancement.tries] == ["succeeded"]


def test_job_is_watched_by_a_holding_poll_when_its_vendor_does_not_call_back(
    stage: Deployment,
) -> None:
    stage.google.duration_s = 121

    job_id = stage.run(model=GOOGLE)

    assert stage.job(job_id).state is JobState.SUCCEEDED
    assert stage.execution(job_id).visited.count("Poll") == 2
    assert 0 <= stage.seen_after_s(stage.google, job_id) <= 3
    assert stage.snapshot(job_id).attempts[0].polls == len(stage.google.polled_at)


def test_job_is_polled_in_plain_waits_when_it_is_far_past_its_usual_time(
    stage: Deployment,
) -> None:
    stage.google.duration_s = 800

    job_id = stage.run(model=GOOGLE)

    assert stage.job(job_id).state is JobState.SUCCEEDED
    assert stage.execution(job_id).visited.count("Await") > 10
    assert stage.seen_after_s(stage.google, job_id) <= 30


def test_job_fails_over_when_its_first_vendor_has_failed(stage: Deployment) -> None:
    stage.kling.outcome = "fail"

    job_id = stage.run(fallbacks=[GOOGLE])

    assert stage.job(job_id).state is JobState.SUCCEEDED
    states = [attempt.state for attempt in stage.snapshot(job_id).attempts]
    assert states == [AttemptState.FAILED, AttemptState.STORED]
    assert stage.job(job_id).route == 1


def test_job_waits_when_the_vendor_is_busy_and_lambda_has_no_room(stage: Deployment) -> None:
    stage.kling.submits = ["throttle", "throttle", "accept"]
    stage.platform_errors = {
        "Submit": ["Lambda.TooManyRequestsException"],
        "Poll": ["Lambda.TooManyRequestsException", "Lambda.TooManyRequestsException"],
        "Store": ["Lambda.ServiceException"],
    }

    job_id = stage.run()

    assert stage.job(job_id).state is JobState.SUCCEEDED
    assert stage.kling.calls.count("submit:throttle") == 2
    assert stage.kling.created == 1
    assert stage.execution(job_id).visited.count("Breathe") == 2


def test_job_fails_without_asking_another_vendor_when_its_result_is_blocked(
    stage: Deployment,
) -> None:
    stage.kling.outcome = "block"

    job_id = stage.run(fallbacks=[GOOGLE])

    execution, job = stage.execution(job_id), stage.job(job_id)
    assert (execution.status, execution.error) == ("FAILED", "JobFailed")
    assert job.error is not None
    assert (job.state, job.error.code, job.error.reasons) == (
        JobState.FAILED,
        "blocked",
        ["people"],
    )
    assert stage.google.calls == []


def test_job_expires_when_its_vendor_never_ends(stage: Deployment) -> None:
    stage.kling.outcome = "never"

    job_id = stage.run(deadline_s=600)

    execution, job = stage.execution(job_id), stage.job(job_id)
    assert (execution.status, execution.error) == ("FAILED", "JobExpired")
    assert (job.state, job.charged) == (JobState.EXPIRED, Charged.UNKNOWN)
    assert EventType.JOB_PARKED in [event.type for event in stage.events(job_id)]
    assert job.due_at is not None, "the sweeper goes on looking"


def test_job_is_canceled_when_the_caller_asks_while_the_vendor_is_busy(stage: Deployment) -> None:
    stage.kling.submits = ["throttle"]
    stage.kling.retry_after_s = 300

    job_id = stage.run(begin=lambda new: stage.clock.after(20, lambda: stage.cancel(new)))

    execution, job = stage.execution(job_id), stage.job(job_id)
    assert (execution.status, execution.error) == ("FAILED", "JobCanceled")
    assert (job.state, job.charged) == (JobState.CANCELED, Charged.NO)
    assert job.finished_at is not None
    assert (job.finished_at - job.created_at).total_seconds() <= 21


@pytest.mark.parametrize("answer", ["lost", "killed_after"])
def test_task_is_found_again_when_the_submits_answer_was_lost(
    stage: Deployment, answer: str
) -> None:
    stage.kling.submits = [answer]

    job_id = stage.run()

    assert stage.job(job_id).state is JobState.SUCCEEDED
    assert stage.kling.created == 1
    assert "Resolve" in stage.execution(job_id).visited
    assert EventType.ATTEMPT_RESOLVED in [event.type for event in stage.events(job_id)]


def test_run_touches_nothing_when_another_one_owns_the_job(stage: Deployment) -> None:
    def take_over(job_id: str) -> None:
        job = stage.job(job_id)
        draft = Draft(job=job, now=stage.clock.now()).set(run=2)
        stage.ledger.apply(draft.event(EventType.RUN_OPENED, run=2).change())

    job_id = stage.run(begin=lambda new: stage.clock.after(20, lambda: take_over(new)))

    execution, before = stage.execution(job_id), stage.events(job_id)
    assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "Superseded")
    assert before[-1].type is EventType.RUN_OPENED
    assert stage.workflow.start(job_id, 2)
    assert stage.execution(job_id, 2).status == "SUCCEEDED"
    assert stage.job(job_id).state is JobState.SUCCEEDED
    assert stage.kling.created == 1


def test_callback_wakes_the_wait_when_it_comes_before_the_handle_is_stored(
    stage: Deployment,
) -> None:
    stage.kling.duration_s = 0
    stage.kling.on_created = lambda task: stage.call_back(task.external_id)

    job_id = stage.run()

    job = stage.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert job.finished_at is not None
    assert (job.finished_at - job.created_at).total_seconds() <= 1


def test_run_ends_as_failed_when_a_step_always_dies(stage: Deployment) -> None:
    stage.platform_errors = {"Store": ["Runtime.ExitError"] * 99}

    job_id = stage.run()

    execution = stage.execution(job_id)
    assert (execution.status, execution.error) == ("FAILED", "RunFailed")
    assert execution.cause == "Store ended with Runtime.ExitError."
    assert stage.job(job_id).state is JobState.RUNNING


def test_history_holds_references_only_when_a_job_has_run(stage: Deployment) -> None:
    job_id = stage.run(model=KLING, prompt="a secret heron", fallbacks=[GOOGLE])

    text = json.dumps([stage.execution(job_id).history, stage.payloads], default=str)
    for told in ("heron", "https://", "cdn.example", "callbacks", "prompt"):
        assert told not in text
