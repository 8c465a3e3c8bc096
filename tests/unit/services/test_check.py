"""Check: faults become warnings, and nothing that goes wrong with it loses a result."""

from __future__ import annotations

import pytest

from dailies.domain.assets import Finding, MediaFacts, Quality
from dailies.domain.errors import AssetError, StorageError
from dailies.domain.jobs import JobRequest, JobState
from dailies.domain.steps import Outcome
from tests.unit.services.enhance_scene import VIDEO, Scene, generation, upload
from tests.unit.services.ledger_states import a_job

BLACK = Finding(code="black", level="fail", message="80% of the time is black.")


def plain() -> Scene:
    """Return a job that asks for no enhancement."""
    request = JobRequest(kind="text_to_video", model="kling/kling-3.0", prompt="a heron")
    return Scene(job=a_job(request=request))


def test_faults_become_warnings_and_stay_with_the_asset() -> None:
    scene = plain()
    scene.analyzer.seen = Quality(black_s=4.0, findings=[BLACK])

    result = scene.check()

    assert result.outcome is Outcome.SETTLE
    assert scene.warned == ["video_black"]
    asset = scene.ledger.asset(VIDEO)
    assert asset is not None
    assert asset.quality == scene.analyzer.seen
    assert asset.media is not None
    assert asset.media.width == 1280, "what Probe saw stays"


def test_upload_gets_its_facts_by_being_looked_through() -> None:
    scene = Scene(job=upload(), asset={"media": None, "size_bytes": 0})

    assert scene.check().outcome is Outcome.ENHANCE

    asset = scene.ledger.asset(VIDEO)
    assert asset is not None
    assert (asset.size_bytes, asset.media) == (9000, MediaFacts(container="mp4", duration_s=5.0))


def test_job_that_wants_it_goes_on_to_be_enhanced() -> None:
    assert Scene().check().outcome is Outcome.ENHANCE


@pytest.mark.parametrize(
    "error",
    [AssetError("unmeasurable", "no"), StorageError("no answer"), RuntimeError("a defect")],
    ids=lambda error: type(error).__name__,
)
def test_result_is_kept_when_the_check_fails(error: Exception) -> None:
    scene = plain()
    scene.analyzer.error = error

    assert scene.check().outcome is Outcome.SETTLE
    assert scene.warned == ["check_failed"]


@pytest.mark.parametrize(
    "asset", [{"media": MediaFacts(container="mp4", duration_s=121.0)}], ids=["long"]
)
def test_long_video_is_not_looked_through(asset: dict[str, MediaFacts]) -> None:
    scene = Scene(asset=asset)

    assert scene.check().outcome is Outcome.ENHANCE
    assert (scene.warned, scene.analyzer.analyzed) == (["check_skipped"], [])


def test_video_is_looked_through_once() -> None:
    scene = plain()
    scene.check()

    assert scene.check().outcome is Outcome.SETTLE
    assert len(scene.analyzer.analyzed) == 1


def test_faults_that_another_job_found_are_told_again() -> None:
    scene = Scene(job=upload(), asset={"quality": Quality(findings=[BLACK])})

    scene.check()

    assert (scene.warned, scene.analyzer.analyzed) == (["video_black"], [])


def test_nothing_is_looked_through_when_nothing_is_there() -> None:
    scene = Scene(job=upload(), there=False)

    assert scene.check().outcome is Outcome.ENHANCE
    assert (scene.warned, scene.analyzer.analyzed) == ([], [])


def test_another_tenants_video_is_not_looked_at() -> None:
    scene = Scene(job=upload(), asset={"tenant": "rival"})

    scene.check()

    assert scene.analyzer.analyzed == []


def test_canceled_job_is_not_enhanced() -> None:
    scene = Scene(job=generation(state=JobState.CANCELING))

    assert scene.check().outcome is Outcome.SETTLE


def test_late_result_is_not_looked_through() -> None:
    scene = Scene(job=generation(state=JobState.EXPIRED))

    assert scene.check().outcome is Outcome.SETTLE
    assert scene.analyzer.analyzed == []


def test_other_run_touches_nothing() -> None:
    scene = Scene(job=generation(run=2))

    assert scene.check().outcome is Outcome.SUPERSEDED
    assert scene.now.checked_at is None


def test_extended_video_may_be_longer_than_what_was_added() -> None:
    heard: list[float | None] = []
    request = {"kind": "video_extend", "video": {"asset_id": VIDEO}}
    scene = Scene(job=generation(request=request))
    seen = scene.analyzer.analyze

    class Listening:
        def analyze(self, key: str, size_bytes: int, *, expected_s: float | None = None) -> object:
            heard.append(expected_s)
            return seen(key, size_bytes)

    scene.wiring.analyzer = Listening()  # type: ignore[assignment]
    scene.check()

    assert heard == [None]
