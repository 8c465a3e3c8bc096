"""Progress: only the task under way counts, and only forward."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dailies.domain.events import EventType
from dailies.domain.jobs import Progress
from dailies.handlers import record_progress as handler
from dailies.services.record_progress import record_progress
from tests.unit.services.enhance_scene import Scene, cancel, generation
from tests.unit.services.ledger_states import JOB_ID
from tests.workflow.wiring import Context


def enhancing(**fields: Any) -> Scene:
    scene = Scene(job=generation(**fields))
    scene.check()
    scene.enhance()
    return scene


def tell(scene: Scene, fraction: float, changes: dict[str, Any] | None = None) -> bool:
    key = f"{scene.tried.task.prefix}progress.json"
    line = {"v": 1, "task_id": scene.tried.task.task_id, "fraction": fraction}
    scene.media.put(key, json.dumps(line | (changes or {})).encode(), "application/json")
    return record_progress(key, scene.progress_ports)


def test_measured_progress_reaches_the_job() -> None:
    scene = enhancing()

    assert tell(scene, 0.25)
    assert scene.now.progress == Progress(fraction=0.25, basis="measured")
    assert EventType.JOB_PROGRESS not in [e.type for e in scene.ledger.events(JOB_ID)]


def test_progress_is_told_where_it_was_asked_for() -> None:
    scene = enhancing(request={"notify": {"events": ["job.progress"]}})

    tell(scene, 0.5)

    told = scene.ledger.events(JOB_ID)[-1]
    assert (told.type, told.data) == (EventType.JOB_PROGRESS, {"fraction": 0.5})


def test_progress_never_goes_back_and_small_steps_are_not_written() -> None:
    scene = enhancing()
    tell(scene, 0.5)

    assert not tell(scene, 0.4)
    assert not tell(scene, 0.51)
    assert tell(scene, 0.52)
    assert tell(scene, 0.99)
    assert tell(scene, 1.0), "the end is news however near it was"


@pytest.mark.parametrize(
    "changes",
    [{"task_id": "enh_x-1"}, {"fraction": 1.5}, {"fraction": None}, {"fraction": "NaN"}],
    ids=str,
)
def test_odd_lines_are_ignored(changes: dict[str, Any]) -> None:
    assert not tell(enhancing(), 0.5, changes)


def test_line_that_is_no_json_is_ignored() -> None:
    scene = enhancing()
    key = f"{scene.tried.task.prefix}progress.json"
    scene.media.put(key, b"{", "application/json")

    assert not record_progress(key, scene.progress_ports)


@pytest.mark.parametrize(
    "key",
    [
        "enhance/acme/job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P/enh_01JCZ5V5ZK8W1R8Q4T9X3M7N2P-1/report.json",
        "enhance/rival/job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P/enh_01JCZ5V5ZK8W1R8Q4T9X3M7N2P-1/progress.json",
        "enhance/acme/job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P/enh_01JCZ5V5ZK8W1R8Q4T9X3M7N2P-7/progress.json",
        "enhance/acme/job_01JCZ5V5ZK8W1R8Q4T9X3M7N00/enh_01JCZ5V5ZK8W1R8Q4T9X3M7N00-1/progress.json",
        "outputs/acme/x.mp4",
    ],
)
def test_other_objects_tell_nothing(key: str) -> None:
    assert not record_progress(key, enhancing().progress_ports)


def test_progress_of_a_task_that_nobody_wants_is_ignored() -> None:
    scene = enhancing()
    cancel(scene)

    assert not tell(scene, 0.5)


def test_progress_of_a_task_that_was_given_up_is_ignored() -> None:
    scene = Scene()
    scene.enhanced("dies")
    lost = f"{scene.tried.task.prefix}progress.json"
    scene.enhance()
    scene.media.put(lost, b'{"task_id": "x", "fraction": 0.5}', "application/json")

    assert not record_progress(lost, scene.progress_ports)


def test_bad_message_of_a_batch_comes_again_alone() -> None:
    scene = enhancing()
    key = f"{scene.tried.task.prefix}progress.json"
    line = {"task_id": scene.tried.task.task_id, "fraction": 0.5}
    scene.media.put(key, json.dumps(line).encode(), "application/json")
    good = {"messageId": "1", "body": json.dumps({"detail": {"object": {"key": key}}})}
    bad = {"messageId": "2", "body": "{}"}

    answer = handler.handler({"Records": [bad, good]}, Context(), scene.progress_ports)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert scene.now.progress.fraction == 0.5


def tell_of(scene: Scene, chunk: int, fraction: float, chunks: int | None = 4) -> bool:
    """Tell what one of several machines has done."""
    key = f"{scene.tried.task.prefix}progress/{chunk}.json"
    line = {"task_id": scene.tried.task.task_id, "fraction": fraction, "chunks": chunks}
    scene.media.put(key, json.dumps(line).encode(), "application/json")
    return record_progress(key, scene.progress_ports)


def test_progress_of_several_machines_is_their_mean() -> None:
    scene = enhancing()

    assert tell_of(scene, 2, 0.8)
    assert scene.now.progress.fraction == pytest.approx(0.2)
    scene.clock.sleep(11)
    assert tell_of(scene, 0, 0.4)
    assert scene.now.progress.fraction == pytest.approx(0.3)


def test_several_machines_are_put_together_now_and_then_only() -> None:
    scene = enhancing()
    tell_of(scene, 2, 0.8)

    assert not tell_of(scene, 0, 1.0)
    scene.clock.sleep(11)
    assert tell_of(scene, 1, 1.0)
    assert scene.now.progress.fraction == pytest.approx(0.7)


def test_many_machines_are_asked_by_sample() -> None:
    scene = enhancing()
    for chunk in range(0, 1000, 16):
        tell_of(scene, chunk, 1.0, chunks=1000)
    scene.clock.sleep(11)

    assert tell_of(scene, 1, 0.0, chunks=1000)
    assert scene.now.progress.fraction == 1.0


def test_machine_that_does_not_say_how_many_there_are_is_ignored() -> None:
    assert not tell_of(enhancing(), 0, 0.5, chunks=None)
