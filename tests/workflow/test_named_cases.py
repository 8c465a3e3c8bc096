"""Races and accidents that have names: told one by one, with what must come of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from dailies.domain.attempts import AttemptState
from dailies.domain.errors import StorageError
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, JobState
from dailies.domain.steps import Outcome, StepInput
from dailies.services import sweep as sweeper
from dailies.services.cancel_job import cancel_job
from dailies.services.submit import submit
from tests.fakes.vendor import CancelingVendor, Vendor
from tests.workflow.soundness import assert_sound, verdict
from tests.workflow.stage import Stage, seconds, two_vendors
from tests.workflow.stories import GOOGLE, KLING
from tests.workflow.walk import definition


@pytest.fixture
def stage() -> Stage:
    return two_vendors()


@pytest.fixture
def kling(stage: Stage) -> Vendor:
    return stage.vendors["kling"]


@pytest.fixture
def google(stage: Stage) -> Vendor:
    return stage.vendors["google"]


def at_vendor(vendor: Vendor, phase: str, call: str, do: Callable[[], object]) -> None:
    """Do something once, in the middle of a step: before or after the vendor acts on a call."""
    passed = vendor.interrupt
    done: list[bool] = []

    def interrupt(now: str, what: str) -> None:
        passed(now, what)
        if (now, what) == (phase, call) and not done:
            done.append(True)
            do()

    vendor.interrupt = interrupt


def end(stage: Stage, job_id: str) -> str:
    stage.run(until_s=2 * 86_400)
    assert_sound(stage, job_id)
    return verdict(stage, job_id)


# ------------------------------------------------------------ two runs


def test_one_task_is_paid_when_two_runs_are_alive_at_once(stage: Stage) -> None:
    stage.stops_lost = True
    job_id = stage.create()
    stage.clock.after(20, lambda: stage.redrive(job_id))
    stage.clock.after(25, lambda: stage.redrive(job_id))

    assert end(stage, job_id) == "succeeded 1"

    ends = [walk.visited[-1] for walk in stage.walks.values()]
    assert sorted(ends) == ["Done", "Superseded", "Superseded"]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_one_task_is_paid_when_a_job_is_redriven_while_submit_calls_the_vendor(
    stage: Stage, kling: Vendor, phase: str
) -> None:
    job_id = ""
    at_vendor(kling, phase, "submit", lambda: stage.redrive(job_id))
    job_id = stage.create()

    assert end(stage, job_id) == "succeeded 1"
    assert stage.job(job_id).run == 2


def test_lost_handle_is_found_when_a_redrive_overtakes_the_polled_vendors_answer(
    stage: Stage, google: Vendor
) -> None:
    job_id = ""
    at_vendor(google, "after", "submit", lambda: stage.redrive(job_id))
    job_id = stage.create(model=GOOGLE)

    assert end(stage, job_id) == "succeeded 1"
    assert "lookup" in google.calls


def test_redrive_takes_over_when_the_old_run_is_alive(stage: Stage) -> None:
    job_id = stage.create()
    stage.clock.after(20, lambda: stage.redrive(job_id))

    assert end(stage, job_id) == "succeeded 1"

    assert stage.walks[f"{job_id}-1"].status == "ABORTED"
    assert stage.visited(job_id, 2)[:4] == ["Begin", "Plan", "AfterPlan", "Poll"]
    assert stage.job(job_id).auto_runs == 0


def test_end_of_an_old_run_is_no_news_when_a_newer_one_owns_the_job(stage: Stage) -> None:
    job_id = stage.create()
    stage.clock.after(20, lambda: stage.redrive(job_id))
    stage.clock.after(30, lambda: sweeper.look_after(job_id, stage.sweep_ports, run=1))

    assert end(stage, job_id) == "succeeded 1"
    assert stage.job(job_id).run == 2


# ------------------------------------------------------------ cancel


def test_reserved_attempt_is_closed_unpaid_when_the_cancel_comes_during_resolve(
    stage: Stage, kling: Vendor
) -> None:
    kling.submits = ["lost_unsent", "accept"]
    job_id = ""
    at_vendor(kling, "before", "lookup", lambda: stage.cancel(job_id))
    job_id = stage.create()

    assert end(stage, job_id) == "canceled 0"
    assert kling.calls.count("submit:accept") == 0
    assert stage.snapshot(job_id).attempts[0].state is AttemptState.ABANDONED


def test_found_task_is_watched_to_its_end_when_the_cancel_comes_during_resolve(
    stage: Stage, kling: Vendor
) -> None:
    kling.submits = ["lost"]
    job_id = ""
    at_vendor(kling, "after", "lookup", lambda: stage.cancel(job_id))
    job_id = stage.create()

    assert end(stage, job_id) == "canceled 1"
    assert len(stage.job(job_id).assets) == 1


def test_cancel_wakes_the_wait_at_once_when_the_vendor_can_stop() -> None:
    stage = two_vendors(make=CancelingVendor)
    job_id = stage.create()
    stage.clock.after(20, lambda: stage.cancel(job_id))

    assert end(stage, job_id) == "canceled 1"
    job = stage.job(job_id)
    assert seconds(job.finished_at, job.created_at) <= 21


def test_second_cancel_wakes_the_wait_when_the_first_died_before_its_signal(stage: Stage) -> None:
    job_id = stage.create()
    stage.run(until_s=20)
    stage.ledger.interrupt = _dies_at_signal
    with pytest.raises(RuntimeError):
        cancel_job(
            stage.snapshot(job_id),
            ledger=stage.ledger,
            workflow=stage,
            compute=stage.farm,
            clock=stage.clock,
        )
    stage.ledger.interrupt = lambda phase, write: None

    stage.cancel(job_id)

    assert stage.walks[f"{job_id}-1"].state == "Poll"


def _dies_at_signal(phase: str, write: str) -> None:
    if write == "signal":
        raise RuntimeError


# ------------------------------------------------------------ callbacks and signals


def test_vendor_is_polled_at_once_when_the_callback_comes_before_the_handle_is_stored(
    stage: Stage, kling: Vendor
) -> None:
    kling.duration_s = 0
    job_id = ""
    kling.on_created = lambda task: stage.call_back(task.external_id)
    job_id = stage.create()

    assert end(stage, job_id) == "succeeded 1"
    job = stage.job(job_id)
    assert seconds(job.finished_at, job.created_at) <= 1
    assert kling.calls == ["submit:accept", "poll"]


def test_three_callbacks_that_tell_of_no_end_cost_three_polls(stage: Stage, kling: Vendor) -> None:
    def created(task: object) -> None:
        for after_s in (5, 15, 30):
            external_id = stage.external_id(job_id)
            stage.clock.after(after_s, partial(stage.call_back, external_id, "under way"))
        stage.clock.after(60, lambda: stage.call_back(stage.external_id(job_id)))

    kling.on_created = created
    job_id = stage.create()

    assert end(stage, job_id) == "succeeded 1"
    assert kling.calls.count("poll") == 1 + 3


def test_wait_does_not_begin_when_a_signal_came_after_submit_had_read_the_count(
    stage: Stage, kling: Vendor
) -> None:
    kling.on_created = lambda task: None
    job_id = stage.create()
    stage.run(stop_when=lambda: stage.walks[f"{job_id}-1"].state == "Await")
    stage.call_back(stage.external_id(job_id), "under way")

    stage.run(until_s=1)

    assert stage.walks[f"{job_id}-1"].visited[-3:] == ["Poll", "AfterPoll", "Await"]


def test_nothing_is_woken_when_a_callback_is_forged(stage: Stage, kling: Vendor) -> None:
    kling.on_created = lambda task: None
    job_id = stage.create()
    stage.run(until_s=20)
    external_id = stage.external_id(job_id)

    stage.call_back(external_id, "forged")
    stage.call_back(external_id, "terminal", secret="guessed")
    stage.call_back("att_01JCZ5V5ZK8W1R8Q4T9X3M7N2P_01", "terminal")
    stage.call_back("att_nonsense", "terminal")
    stage.run(until_s=1)

    assert stage.answered == [204, 404, 204, 404]
    assert kling.calls == ["submit:accept"]
    assert stage.job(job_id).signal_seq == 0


def test_callbacks_are_counted_to_a_limit_when_a_vendor_floods(stage: Stage, kling: Vendor) -> None:
    kling.on_created = lambda task: None
    kling.duration_s = 500
    job_id = stage.create()
    stage.run(until_s=20)
    for _ in range(80):
        stage.call_back(stage.external_id(job_id), "under way")
        stage.run(until_s=1)

    assert stage.job(job_id).signal_seq == 50
    assert kling.calls.count("poll") == 50


# ------------------------------------------------------------ the paid call


def test_vendor_is_not_called_when_submit_finds_an_attempt_submitting(
    stage: Stage, kling: Vendor
) -> None:
    job_id = stage.create()
    stage.dying = {"Resolve": 99}
    kling.submits = ["killed_before", "accept"]
    stage.run(stop_when=lambda: "Resolve" in stage.visited(job_id))
    assert stage.snapshot(job_id).attempts[0].state is AttemptState.SUBMITTING

    answer = submit(StepInput(job_id=job_id, run=1), stage.wiring.submit_ports())

    assert answer.outcome is Outcome.RESOLVE
    assert kling.created == 0
    assert kling.calls == ["submit:killed_before"]


def test_task_is_resent_under_the_same_id_when_it_was_never_created(
    stage: Stage, kling: Vendor
) -> None:
    kling.submits = ["lost_unsent", "accept"]
    job_id = stage.create()

    assert end(stage, job_id) == "succeeded 1"
    assert list(kling.tasks) == [stage.external_id(job_id)]
    attempt = stage.snapshot(job_id).attempts[0]
    assert attempt.submits == 2
    created = kling.tasks[attempt.attempt_id].created_at
    safe_s = 90 + stage.catalogue.vendor("kling").acceptance_s
    assert seconds(created, stage.job(job_id).created_at) >= safe_s


def test_task_is_looked_up_again_when_the_resend_is_refused_as_a_duplicate(
    stage: Stage, kling: Vendor
) -> None:
    kling.submits = ["lost", "accept"]
    kling.visible_after_s = 200  # longer than the vendor says, so that the resend happens
    job_id = stage.create()

    assert end(stage, job_id) == "succeeded 1"
    assert kling.duplicates_refused == 1
    assert EventType.ATTEMPT_ENDED not in stage.events(job_id)


def test_answer_of_a_zombie_is_dropped_when_resolve_has_adopted_the_task(
    stage: Stage, kling: Vendor
) -> None:
    job_id = ""

    def resolve_meanwhile() -> None:
        event = {"v": 1, "job_id": job_id, "run": 1}
        assert stage.handlers["Resolve"](event)["outcome"] == "poll"

    at_vendor(kling, "after", "submit", resolve_meanwhile)
    job_id = stage.create()

    assert end(stage, job_id) == "succeeded 1"
    events = stage.events(job_id)
    assert events.count(EventType.ATTEMPT_RESOLVED) == 1
    assert EventType.ATTEMPT_SUBMITTED not in events


def test_late_success_is_not_paid_twice_when_the_job_has_failed_over(
    stage: Stage, kling: Vendor, google: Vendor
) -> None:
    kling.outcome = "fail"
    job_id = stage.create(fallbacks=[GOOGLE])

    def changes_its_mind() -> None:
        kling.outcome = "succeed"
        stage.call_back(stage.external_id(job_id))

    stage.clock.after(90, changes_its_mind)
    stage.run()

    job = stage.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert (kling.created, google.created) == (1, 1)
    assert [a.state for a in stage.snapshot(job_id).attempts] == ["failed", "stored"]


def test_no_other_vendor_is_asked_when_an_attempt_is_in_doubt(stage: Stage, google: Vendor) -> None:
    google.submits = ["lost_unsent"]
    job_id = stage.create(model=GOOGLE, fallbacks=[KLING], deadline_s=900)

    assert end(stage, job_id) == "expired 0?"
    assert stage.vendors["kling"].calls == []


def test_ledger_is_told_when_it_refuses_the_vendors_answer_at_first(
    stage: Stage, google: Vendor
) -> None:
    refusals = iter([True, True])
    passed = stage.ledger.interrupt

    def refuse(phase: str, write: str) -> None:
        passed(phase, write)
        answering = stage.faults.step == "Submit" and google.created > 0
        if answering and phase == "before" and next(refusals, False):
            raise StorageError("no answer")

    stage.ledger.interrupt = refuse
    job_id = stage.create(model=GOOGLE)

    assert end(stage, job_id) == "succeeded 1"
    assert "Resolve" not in stage.visited(job_id)


# ------------------------------------------------------------ runs


def test_sweeper_starts_the_job_when_the_start_quota_was_used_up(stage: Stage) -> None:
    stage.start_refused = 3
    job_id = stage.create()

    assert end(stage, job_id) == "succeeded 1"
    job = stage.job(job_id)
    assert seconds(job.finished_at, job.created_at) <= 60 + 4 * 60
    assert job.run == 1


STATES = [
    name
    for name, spec in definition("generate")["States"].items()
    if spec["Type"] not in {"Succeed", "Fail"}
]


@pytest.mark.parametrize("state", STATES)
def test_job_goes_on_when_its_execution_dies_in_any_state(stage: Stage, state: str) -> None:
    kling = stage.vendors["kling"]
    kling.submits = {
        "Resolve": ["lost"],
        "AfterResolve": ["lost"],
        "Fail": ["invalid"],
    }.get(state, ["accept"])
    if state in {"Breathe", "AfterBreathe"}:
        stage.throttled = {"Poll": 1}
    if state == "Pause":
        stage.farm.plays = ["dies", "ok"]
    job_id = stage.create(enhance={})
    walk = stage.walks[f"{job_id}-1"]
    stage.run(stop_when=lambda: walk.state == state)
    assert walk.state == state

    stage.abort(job_id, 1)

    paid = "failed 0" if state == "Fail" else "succeeded 1e"
    assert end(stage, job_id) == paid
    assert stage.job(job_id).run == (1 if state == "AfterNotify" else 2)


def test_job_is_parked_and_expires_at_its_deadline_when_its_runs_are_used_up(stage: Stage) -> None:
    stage.dying = {"Store": 9_999}
    job_id = stage.create(deadline_s=3600)
    stage.run(until_s=3000)
    job = stage.job(job_id)
    assert (job.state, job.parked, job.run) == (JobState.RUNNING, True, 4)
    assert stage.events(job_id).count(EventType.JOB_PARKED) == 1
    assert job.due_at == job.deadline_at

    stage.run(until_s=700)
    job = stage.job(job_id)
    assert (job.state, job.charged) == (JobState.EXPIRED, Charged.YES)

    stage.dying = {}
    assert end(stage, job_id) == "expired 1"
    assert len(stage.job(job_id).assets) == 1


def test_job_is_canceled_when_it_was_parked_with_nothing_sent(stage: Stage) -> None:
    stage.dying = {"Submit": 9_999, "Resolve": 9_999}
    job_id = stage.create()
    stage.run(until_s=3000)
    assert stage.job(job_id).parked

    stage.cancel(job_id)

    assert end(stage, job_id) == "canceled 0"


def test_run_ends_when_submit_fails_again_and_again_before_it_calls_the_vendor(
    stage: Stage, kling: Vendor
) -> None:
    stage.dying = {"Submit": 9_999}
    job_id = stage.create(deadline_s=3600)

    assert end(stage, job_id) == "expired 0"
    assert stage.visited(job_id).count("Submit") == 4
    assert stage.walks[f"{job_id}-1"].error == "RunFailed"
    assert kling.calls == []


def test_job_fails_over_in_a_new_run_when_plan_crashed_after_a_failure(
    stage: Stage, kling: Vendor
) -> None:
    kling.outcome = "fail"
    job_id = stage.create(fallbacks=[GOOGLE])
    stage.run(stop_when=lambda: stage.walks[f"{job_id}-1"].state == "AfterPoll")
    stage.dying = {"Plan": 7}

    assert end(stage, job_id) == "succeeded 2"
    assert stage.job(job_id).run == 2


def test_new_run_is_opened_when_the_history_is_nearly_full(stage: Stage, google: Vendor) -> None:
    google.duration_s = 40_000
    job_id = stage.create(model=GOOGLE, deadline_s=86_400)

    assert end(stage, job_id) == "succeeded 1"
    assert stage.walks[f"{job_id}-1"].error == "HistoryFull"
    assert stage.job(job_id).run == 2
    assert len(stage.visited(job_id)) * 5 < 20_000


def test_other_jobs_are_looked_after_when_one_cannot_be(stage: Stage) -> None:
    stage.start_refused = 2
    broken, sound = stage.create(), stage.create()
    status = stage.status

    def odd(job_id: str, run: int) -> object:
        if job_id == broken:
            raise KeyError(job_id)
        return status(job_id, run)

    stage.status = odd  # type: ignore[method-assign, assignment]
    stage.run(until_s=600)

    assert stage.job(sound).state is JobState.SUCCEEDED
    assert stage.job(broken).state is JobState.QUEUED


# ------------------------------------------------------------ the deadline


def test_late_asset_is_attached_when_the_deadline_came_while_the_submit_was_in_doubt(
    stage: Stage, google: Vendor
) -> None:
    google.submits = ["lost"]
    google.duration_s = 5000
    job_id = stage.create(model=GOOGLE, deadline_s=900)
    stage.run(until_s=1000)
    job = stage.job(job_id)
    assert (job.state, job.charged) == (JobState.EXPIRED, Charged.UNKNOWN)
    assert EventType.JOB_PARKED in stage.events(job_id)

    assert end(stage, job_id) == "expired 1"
    assert stage.events(job_id)[-1] is EventType.JOB_LATE_ASSET
    assert len(stage.job(job_id).assets) == 1


def test_sweeper_stops_looking_when_the_vendor_keeps_tasks_no_longer(
    stage: Stage, google: Vendor
) -> None:
    google.submits = ["lost_unsent"]
    job_id = stage.create(model=GOOGLE, deadline_s=900)
    stage.run(until_s=15 * 86_400)

    job = stage.job(job_id)
    assert (job.state, job.charged, job.due_at) == (JobState.EXPIRED, Charged.UNKNOWN, None)
    assert google.calls.count("lookup") > 50
    asked = len(google.calls)
    stage.run(until_s=10 * 86_400)
    assert len(google.calls) == asked


def test_job_expires_unpaid_when_nothing_was_sent_by_its_deadline(
    stage: Stage, kling: Vendor
) -> None:
    kling.submits = ["throttle"]
    kling.retry_after_s = 200
    job_id = stage.create(deadline_s=600)

    assert end(stage, job_id) == "expired 0"
    job = stage.job(job_id)
    assert 600 <= seconds(job.finished_at, job.created_at) <= 602
    assert kling.calls == ["submit:throttle"] * 3, "the vendor's Retry-After is honoured"
