"""TakeEnhanced: the report is the truth, once it has been verified."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.enhancement import EnhancementState, TaskState
from dailies.domain.errors import StorageError
from dailies.domain.jobs import Charged, JobState
from dailies.domain.steps import Outcome
from dailies.services.recording import load
from dailies.services.take_enhanced import LOOK_AGAIN_S, TRY_AGAIN_S
from tests.unit.services.enhance_scene import VIDEO, Scene, cancel, generation, upload
from tests.unit.services.ledger_states import JOB_ID


def test_enhanced_video_is_recorded_with_its_origin_and_its_cost() -> None:
    scene = Scene()

    result = scene.enhanced()

    assert result.outcome is Outcome.SETTLE
    assert scene.enhancement.state is EnhancementState.DONE
    asset = scene.ledger.asset(scene.enhancement.asset_id or "")
    assert asset is not None
    assert (asset.source_asset, asset.key) == (VIDEO, scene.tried.output_key)
    assert (asset.size_bytes, asset.sha256, asset.content_type) == (20_000, "5" * 64, "video/mp4")
    assert asset.media is not None
    assert (asset.media.width, asset.media.audio_codec) == (2560, "aac")
    assert asset.poster_key == "posters/p.jpg"
    charge = scene.tried.charge
    assert charge is not None
    assert (charge.seconds, charge.basis, charge.device) == (20.0, "measured", "cuda")
    assert charge.amount_usd == Decimal("0.0045")  # 20 s of 0.8048 USD/h
    assert scene.now.cost_usd == charge.amount_usd
    assert scene.now.progress.fraction == 1.0


def test_device_that_computed_is_the_one_that_is_paid() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute()
    scene.clock.sleep(40)
    scene.report(device={"kind": "cpu"})

    scene.take()

    charge = scene.tried.charge
    assert charge is not None
    assert (charge.device, charge.usd_per_hour) == ("cpu", Decimal("0.3570"))


def test_every_machine_that_took_part_is_paid() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute()
    scene.clock.sleep(40)
    scene.report(timing={"wall_s": 20.0, "cpu_s": 9.0, "machines_s": 3600.0})

    scene.take()

    charge = scene.tried.charge
    assert charge is not None
    assert (charge.seconds, charge.amount_usd) == (3600.0, Decimal("0.8048"))


def test_damaged_source_is_told() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute("partial_input")
    scene.clock.sleep(40)
    scene.report(warnings=["3 frames\nwere left out.", ""])

    assert scene.take().outcome is Outcome.SETTLE
    assert scene.warned == ["enhance_note", "enhance_partial_input"]
    assert scene.now.warnings[0].message == "3 frames were left out."
    assert scene.enhancement.state is EnhancementState.DONE


@pytest.mark.parametrize("play", ["bad_input", "no_device", "internal"])
def test_video_stays_as_it_is_when_it_cannot_be_enhanced(play: str) -> None:
    scene = Scene()

    assert scene.enhanced(play).outcome is Outcome.SETTLE
    assert scene.tried.state is TaskState.FAILED
    assert scene.warned == [f"enhance_{play}"]
    assert f"It ended with {play}." in scene.now.warnings[0].message
    assert scene.now.cost_usd > 0, "the machine was used"


def test_upload_fails_when_it_cannot_be_enhanced() -> None:
    scene = Scene(job=upload())

    assert scene.enhanced("bad_input").outcome is Outcome.END
    assert scene.warned == []
    assert scene.now.charged is Charged.YES


def test_lost_machine_is_followed_by_two_others() -> None:
    scene = Scene()
    outcomes = []
    for _ in range(3):
        result = scene.enhanced("dies")
        outcomes.append((result.outcome, result.wait_s))

    again = (Outcome.ENHANCE, TRY_AGAIN_S)
    assert outcomes == [again, again, (Outcome.SETTLE, 0)]
    assert [task.state for task in scene.enhancement.tries] == [TaskState.LOST] * 3
    assert scene.warned == ["enhance_lost"]
    assert {t.charge.basis for t in scene.enhancement.tries if t.charge} == {"elapsed"}


def test_storage_that_failed_for_a_moment_is_not_the_last_word() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute("internal")
    scene.clock.sleep(40)
    scene.report(code="storage_failed")

    assert scene.take().outcome is Outcome.ENHANCE
    assert scene.tried.state is TaskState.LOST


def test_interrupted_run_is_not_the_last_word() -> None:
    scene = Scene()

    assert scene.enhanced("interrupted").outcome is Outcome.ENHANCE
    assert scene.tried.state is TaskState.LOST


@pytest.mark.parametrize(
    "lie",
    [
        {"output": None},
        {"output": {"size_bytes": 19_999}},
        {"task_id": "enh_01JCZ5V5ZK8W1R8Q4T9X3M7N2P-9"},
        {"outcome": "wonderful"},
        {"timing": {"wall_s": -1}},
        {"output": {"size_bytes": 20_000, "fps": float("nan")}},
        {"output": {"size_bytes": 20_000, "video_codec": "x" * 500_000}},
    ],
    ids=lambda lie: next(iter(lie)) + str(next(iter(lie.values())))[:12],
)
def test_lying_report_is_not_believed(lie: dict[str, Any]) -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute()
    scene.clock.sleep(40)
    scene.report(**lie)

    assert scene.take().outcome is Outcome.ENHANCE
    assert scene.tried.state is TaskState.LOST
    assert scene.enhancement.asset_id is None


def test_report_that_is_no_json_is_none() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute("dies")
    scene.media.put(f"{scene.tried.task.prefix}report.json", b"{", "application/json")
    scene.clock.sleep(40)

    assert scene.take().outcome is Outcome.ENHANCE


def test_live_machine_is_waited_for() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute("never")

    result = scene.take()

    assert (result.outcome, result.wait_s) == (Outcome.ENHANCE, LOOK_AGAIN_S)
    assert scene.tried.state is TaskState.RUNNING
    assert scene.farm.stopped == []


def test_start_that_was_refused_is_made_again_under_the_same_name() -> None:
    scene = Scene()
    scene.check()
    first = scene.enhance()

    result = scene.take()

    assert (result.outcome, result.wait_s) == (Outcome.ENHANCE, LOOK_AGAIN_S)
    assert scene.enhance().task == first.task
    assert len(scene.enhancement.tries) == 1, "a second one may run beside the first"


def test_machine_that_never_began_costs_nothing() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.clock.sleep(500)

    assert scene.take().outcome is Outcome.ENHANCE
    assert scene.tried.charge is not None
    assert scene.tried.charge.amount_usd == 0


def test_machine_is_stopped_when_the_job_is_canceled() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute("never")
    scene.clock.sleep(36)
    cancel(scene)

    assert scene.take().outcome is Outcome.SETTLE
    assert scene.farm.stopped == [scene.tried.task.task_id]
    assert scene.enhancement.state is EnhancementState.CANCELED
    assert scene.tried.charge is not None
    assert scene.tried.charge.seconds == 36


def test_video_that_came_before_the_cancel_was_seen_is_kept() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute()
    scene.clock.sleep(40)
    cancel(scene)

    assert scene.take().outcome is Outcome.SETTLE
    assert scene.now.state is JobState.CANCELING
    assert scene.enhancement.asset_id is not None


def test_failure_that_came_after_the_cancel_is_a_cancel() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute("bad_input")
    scene.clock.sleep(40)
    cancel(scene)

    scene.take()

    assert (scene.tried.state, scene.warned) == (TaskState.CANCELED, [])


def test_machine_is_stopped_at_the_deadline() -> None:
    scene = Scene(job=generation(request={"enhance": {"device": "cpu"}}))
    scene.check()
    scene.enhance()
    scene.compute("never")
    scene.pass_deadline()

    assert scene.take().outcome is Outcome.SETTLE
    assert scene.farm.stopped == [scene.tried.task.task_id]
    assert scene.warned == ["enhance_deadline"]
    assert scene.tried.charge is not None
    assert scene.tried.charge.device == "cpu"


def test_nothing_is_taken_when_no_task_is_under_way() -> None:
    scene = Scene()

    assert scene.take().outcome is Outcome.PROBE
    assert load(scene.ledger, JOB_ID).job.enhancement is None


def test_repeated_step_takes_nothing_twice() -> None:
    scene = Scene()
    scene.enhanced()
    before = scene.now

    assert scene.take().outcome is Outcome.SETTLE
    assert scene.now == before


def test_bucket_that_does_not_answer_is_asked_again() -> None:
    scene = Scene()
    scene.check()
    scene.enhance()
    scene.compute()
    scene.clock.sleep(40)

    class Down(type(scene.media)):  # type: ignore[misc]
        def head(self, key: str) -> Any:
            raise StorageError("no answer")

    down = Down()
    down.objects = scene.media.objects
    scene.wiring.media = down

    with pytest.raises(StorageError):
        scene.take()
    assert scene.tried.state is TaskState.RUNNING
