"""Enhance: each try is written down before it runs, and said again word by word."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dailies.domain.assets import MediaFacts
from dailies.domain.compute_prices import load_compute_prices
from dailies.domain.enhancement import EnhancementState, TaskState
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, JobState, Stage
from dailies.domain.steps import Outcome
from enhance.spec import Convert, SuperResolution
from tests.unit.services.enhance_scene import VIDEO, Scene, cancel, generation, upload
from tests.unit.services.ledger_states import JOB_ID

TASK = f"enh_{JOB_ID.removeprefix('job_')}-1"


def limits(**changes: Any) -> dict[str, Any]:
    return {"limits": load_compute_prices().limits.model_copy(update=changes)}


def test_task_is_written_down_before_it_is_computed() -> None:
    scene = Scene()
    scene.check()

    result = scene.enhance()

    assert result.outcome is Outcome.COMPUTE
    assert result.task == scene.now.running_task
    assert result.task is not None
    assert (result.task.task_id, result.task.device, result.task.short) == (TASK, "auto", True)
    spec = scene.farm.spec(result.task.model_dump())
    assert spec.source.uri == f"s3://media/{scene.key}"
    assert spec.stages == [SuperResolution(scale=2)]
    assert (scene.now.stage, scene.now.progress.fraction) == (Stage.ENHANCING, None)
    assert EventType.ENHANCEMENT_STARTED in [e.type for e in scene.ledger.events(JOB_ID)]


def test_task_is_said_again_word_by_word_when_it_is_under_way() -> None:
    scene = Scene()
    scene.check()
    first = scene.enhance()
    scene.clock.sleep(100)

    again = scene.enhance()

    assert again.task == first.task
    assert again.timeout_s == first.timeout_s - 100
    assert len(scene.enhancement.tries) == 1


def test_time_is_what_the_deadline_leaves() -> None:
    scene = Scene()
    scene.check()
    scene.clock.sleep(7000)

    assert scene.enhance().timeout_s == 200


def test_output_has_the_container_that_was_asked_for() -> None:
    stages = [{"name": "convert", "container": "mkv"}]
    scene = Scene(job=generation(request={"enhance": {"stages": stages, "device": "gpu"}}))
    scene.check()

    result = scene.enhance()

    assert result.task is not None
    spec = scene.farm.spec(result.task.model_dump())
    assert spec.stages == [Convert(container="mkv")]
    assert (spec.output.rpartition(".")[2], spec.device) == ("mkv", "cuda")


def test_upload_without_a_suffix_becomes_an_mp4() -> None:
    scene = Scene(job=upload())
    scene.check()
    scene.enhance()

    assert scene.tried.output_key.endswith(".mp4")
    assert scene.now.charged is Charged.UNKNOWN, "a machine is at work"


def test_upload_that_nobody_measured_is_not_said_to_be_short() -> None:
    scene = Scene(job=upload(), asset={"media": None})

    result = scene.enhance()

    assert result.task is not None
    assert not result.task.short


def test_check_that_died_is_told() -> None:
    scene = Scene()

    assert scene.enhance().outcome is Outcome.COMPUTE
    assert scene.warned == ["check_failed"]


def test_job_that_asks_for_none_passes_on() -> None:
    request = {"enhance": None}
    scene = Scene(job=generation(request=request))

    assert scene.enhance().outcome is Outcome.SETTLE
    assert scene.warned == ["check_failed"]


def test_canceled_job_passes_on() -> None:
    scene = Scene(job=generation(state=JobState.CANCELING))

    assert scene.enhance().outcome is Outcome.SETTLE
    assert scene.now.enhancement is None


def test_canceled_job_has_its_task_taken() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    cancel(scene)

    assert scene.enhance().outcome is Outcome.TAKE_ENHANCED


def test_canceled_job_between_two_tries_is_closed() -> None:
    scene = Scene()
    assert scene.enhanced("dies").outcome is Outcome.ENHANCE
    cancel(scene)

    assert scene.enhance().outcome is Outcome.SETTLE
    assert scene.enhancement.state is EnhancementState.CANCELED
    assert scene.enhance().outcome is Outcome.SETTLE


def test_next_try_is_another_task() -> None:
    scene = Scene()
    scene.enhanced("dies")

    result = scene.enhance()

    assert result.task is not None
    assert result.task.task_id == TASK[:-1] + "2"
    assert [task.state for task in scene.enhancement.tries] == [TaskState.LOST, TaskState.RUNNING]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (limits(max_input_bytes=8999), "enhance_input_too_large"),
        (limits(max_input_s=4), "enhance_input_too_long"),
    ],
    ids=["bytes", "seconds"],
)
def test_video_beyond_the_limits_stays_as_it_is(changes: dict[str, Any], code: str) -> None:
    scene = Scene()
    scene.check()

    assert scene.enhance(**changes).outcome is Outcome.SETTLE
    assert scene.warned == [code]
    assert scene.farm.executions == {}


def test_upload_beyond_the_limits_fails() -> None:
    scene = Scene(job=upload(), asset={"media": MediaFacts(container="mp4", duration_s=7201.0)})

    assert scene.enhance().outcome is Outcome.END
    failure = scene.enhancement.failure
    assert failure is not None
    assert failure.code == "enhance_input_too_long"
    assert scene.now.charged is Charged.NO


@pytest.mark.parametrize(
    "scene",
    [
        lambda: Scene(job=upload(), there=False),
        lambda: Scene(job=upload(), asset={"tenant": "rival"}),
        lambda: Scene(job=upload(), asset={"asset_id": VIDEO[:-1] + "0"}),
    ],
    ids=["no object", "another tenant's", "no asset"],
)
def test_missing_input_ends_the_job(scene: Any) -> None:
    at = scene()

    assert at.enhance().outcome is Outcome.END
    assert at.enhancement.failure.code == "enhance_input_missing"


def test_no_try_begins_after_the_deadline() -> None:
    scene = Scene()
    scene.check()
    scene.clock.sleep(dt.timedelta(hours=3).total_seconds())

    assert scene.enhance().outcome is Outcome.SETTLE
    assert scene.warned == ["enhance_deadline"]


def test_other_run_begins_nothing() -> None:
    scene = Scene(job=generation(run=2))

    assert scene.enhance().outcome is Outcome.SUPERSEDED
    assert scene.now.enhancement is None
