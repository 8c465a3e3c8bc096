"""How jobs end that ask for an enhancement: their state, what it cost, what goes on afterwards."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dailies.domain.enhancement import EnhancementState
from dailies.domain.errors import StorageError
from dailies.domain.jobs import Charged, JobState
from dailies.domain.ports import ExecutionStatus
from dailies.domain.routing import wants_enhancing
from dailies.domain.steps import FailureInput, Outcome
from dailies.handlers.api.job_views import job_view
from dailies.services.cancel_job import cancel_job
from dailies.services.end_job import end_job, final_state
from dailies.services.fail import fail
from dailies.services.notify import notify
from dailies.services.plan import plan
from dailies.services.recording import LedgerPorts, load
from dailies.services.redrive_job import NothingToRedriveError, RedrivePorts, redrive_job
from dailies.services.settle import settle
from dailies.services.sweep import SweepPorts, look_after
from dailies.services.write_email import write_email
from tests.fakes.api import RecordedCompute, RecordedWorkflow
from tests.unit.services.enhance_scene import STEP, VIDEO, Scene, cancel, generation, upload
from tests.unit.services.ledger_states import JOB_ID, RUN
from tests.unit.services.test_runs import Engine

MUST = {"enhance": {"on_failure": "fail"}}


def core(scene: Scene) -> LedgerPorts:
    return LedgerPorts(scene.ledger, scene.clock, scene.wiring.catalogue)


def finished(scene: Scene, play: str = "ok") -> Scene:
    """Let the job go to its end."""
    asks = scene.now.request.enhancement is not None
    scene.check()
    while asks and scene.enhanced(play).outcome is Outcome.ENHANCE:
        pass
    if settle(STEP, core(scene)).outcome is Outcome.NOTIFY:
        notify(STEP, core(scene))
    else:
        fail(FailureInput(job_id=JOB_ID, run=RUN), core(scene))
    return scene


def test_enhanced_video_is_the_result_and_both_were_paid() -> None:
    job = finished(Scene()).now

    assert job.state is JobState.SUCCEEDED
    assert job.enhancement is not None
    assert job.assets == [job.enhancement.asset_id]
    assert job.cost_usd == job.enhancement.cost_usd + Decimal("0.42")
    assert job.charged is Charged.YES


def test_receipt_shows_each_try_with_its_price() -> None:
    scene = Scene()
    scene.enhanced("dies")
    finished(scene)

    view = job_view(scene.now, scene.wiring.catalogue).enhancement

    assert view is not None
    assert (view.state, view.source_asset) == ("done", VIDEO)
    assert view.cost_usd == scene.enhancement.cost_usd
    lost, done = view.tries
    assert lost.failure is not None
    assert (lost.failure.code, lost.state) == ("enhance_lost", "lost")
    assert lost.charge is not None
    assert (lost.charge.basis, lost.charge.device) == ("elapsed", "gpu")
    assert done.charge is not None
    assert (done.charge.basis, done.charge.seconds, done.failure) == ("measured", 20.0, None)


def test_video_as_it_was_is_the_result_when_it_could_not_be_enhanced() -> None:
    job = finished(Scene(), "bad_input").now

    assert (job.state, job.assets) == (JobState.SUCCEEDED, [VIDEO])


def test_email_says_that_the_video_is_as_it_was() -> None:
    scene = finished(Scene(), "bad_input")
    told = scene.ledger.events(JOB_ID)[-1]

    email = write_email(told, scene.now, None, link=None, with_poster=False)

    assert "Note: The video is not enhanced. It ended with bad_input." in email.text


def test_job_fails_and_keeps_its_video_when_nothing_else_will_do() -> None:
    job = finished(Scene(job=generation(request=MUST)), "bad_input").now

    assert (job.state, job.assets) == (JobState.FAILED, [VIDEO])
    assert job.error is not None
    assert job.error.code == "enhance_bad_input"
    assert "among the outputs" in job.error.hint
    assert job.charged is Charged.YES


def test_job_expires_when_its_enhancement_was_not_done_in_time() -> None:
    scene = Scene(job=generation(request=MUST))
    scene.check()
    scene.enhance()
    scene.pass_deadline()
    scene.take()

    assert settle(STEP, core(scene)).outcome is Outcome.END
    fail(FailureInput(job_id=JOB_ID, run=RUN), core(scene))

    assert (scene.now.state, scene.now.assets) == (JobState.EXPIRED, [VIDEO])


def test_uploads_job_ends_with_the_code_of_its_enhancement() -> None:
    scene = Scene(job=upload())
    scene.enhanced("no_device")

    verdict = fail(FailureInput(job_id=JOB_ID, run=RUN), core(scene))

    assert verdict.error == "JobFailed"
    assert verdict.cause.startswith("enhance_no_device: ")
    assert scene.now.assets == []


def test_job_does_not_end_while_a_machine_works() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()

    assert final_state(load(scene.ledger, JOB_ID), scene.clock.now()) is None


@pytest.mark.parametrize("job", [generation, upload], ids=["generation", "upload"])
def test_job_that_ends_at_its_deadline_gives_its_enhancement_up(job: object) -> None:
    scene = Scene(job=job())  # type: ignore[operator]
    scene.check()
    scene.enhance()
    scene.pass_deadline()

    end_job(load(scene.ledger, JOB_ID), RUN, core(scene))

    assert scene.now.state is JobState.EXPIRED
    assert scene.enhancement.state is EnhancementState.FAILED
    assert scene.enhancement.running_task is None


def test_upload_starts_without_an_attempt() -> None:
    scene = Scene(job=upload(state=JobState.QUEUED))

    assert plan(STEP, core(scene)).outcome is Outcome.CHECK
    assert (scene.now.state, scene.now.attempt) == (JobState.RUNNING, 0)


def test_upload_canceled_before_it_started_ends() -> None:
    scene = Scene(job=upload(state=JobState.CANCELING))

    assert plan(STEP, core(scene)).outcome is Outcome.END


def test_late_result_is_attached_as_it_is() -> None:
    scene = Scene(job=generation(state=JobState.EXPIRED))
    scene.check()
    settle(STEP, core(scene))
    notify(STEP, core(scene))

    assert (scene.now.state, scene.now.assets) == (JobState.EXPIRED, [VIDEO])


def test_cancel_stops_the_machine() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    compute = RecordedCompute()

    for _ in range(2):
        cancel_job(
            load(scene.ledger, JOB_ID),
            ledger=scene.ledger,
            workflow=RecordedWorkflow(),
            compute=compute,
            clock=scene.clock,
        )

    assert compute.stopped == [scene.tried.task.task_id] * 2, "the first stop may be lost"


def test_sweeper_stops_the_machine_of_a_canceled_job() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    cancel(scene)
    ports = SweepPorts(*vars(core(scene)).values(), Engine(ExecutionStatus.RUNNING), scene.farm)

    look_after(JOB_ID, ports)

    assert scene.farm.stopped == [scene.tried.task.task_id]


def test_sweeper_stops_the_machine_of_a_job_that_it_ends() -> None:
    scene = Scene(job=upload(auto_runs=3))
    scene.check()
    scene.enhance()
    scene.pass_deadline()
    ports = SweepPorts(*vars(core(scene)).values(), Engine(ExecutionStatus.ENDED), scene.farm)

    look_after(JOB_ID, ports)

    assert scene.now.state is JobState.EXPIRED
    assert scene.farm.stopped == [scene.tried.task.task_id]


def test_job_whose_machine_cannot_be_stopped_is_not_ended() -> None:
    class Down(RecordedCompute):
        def stop(self, task_id: str, cause: str) -> None:
            raise StorageError("no answer")

    scene = Scene(job=upload(auto_runs=3))
    scene.check()
    scene.enhance()
    scene.pass_deadline()
    ports = SweepPorts(*vars(core(scene)).values(), Engine(ExecutionStatus.ENDED), Down())

    with pytest.raises(StorageError):
        look_after(JOB_ID, ports)

    assert not scene.now.terminal, "nobody would ever stop it"


def test_run_that_fails_leaves_a_machine_to_the_sweeper_which_can_stop_it() -> None:
    scene = Scene(job=upload())
    scene.check()
    scene.enhance()
    scene.pass_deadline()

    verdict = fail(FailureInput(job_id=JOB_ID, run=RUN, step="TakeEnhanced"), core(scene))

    assert verdict.error == "RunFailed"
    assert not scene.now.terminal


def test_redrive_gives_a_failed_enhancement_new_tries() -> None:
    scene = finished(Scene(job=generation(request=MUST)), "dies")
    assert scene.now.state is JobState.FAILED
    ports = RedrivePorts(scene.ledger, Engine(), scene.wiring.catalogue, scene.clock)

    snapshot = redrive_job(load(scene.ledger, JOB_ID), ports)

    job = snapshot.job
    assert (job.state, job.run) == (JobState.RUNNING, 2)
    assert job.enhancement is not None
    assert (job.enhancement.state, job.enhancement.spent) == (EnhancementState.RUNNING, 3)
    step = STEP.model_copy(update={"run": 2})
    assert plan(step, core(scene)).outcome is Outcome.ENHANCE


def test_enhancement_is_wanted_until_it_is_done_or_the_video_is_settled() -> None:
    scene = Scene()
    assert wants_enhancing(load(scene.ledger, JOB_ID))
    scene.enhanced()
    assert not wants_enhancing(load(scene.ledger, JOB_ID))
    settled = finished(Scene(job=generation(request={"enhance": None})))
    assert not wants_enhancing(load(settled.ledger, JOB_ID))


def test_job_that_has_its_video_is_not_redriven() -> None:
    scene = finished(Scene(), "bad_input")
    ports = RedrivePorts(scene.ledger, Engine(), scene.wiring.catalogue, scene.clock)

    with pytest.raises(NothingToRedriveError):
        redrive_job(load(scene.ledger, JOB_ID), ports)
