"""Videos are made larger by the twin's worker, as a job's last step or a job of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.clips import clip, look, upload
from tests.e2e.crew import Crew

Jobs = dict[str, dict[str, Any]]
SIMULATED = "simulator/clip-1"
SIMULATED_SIZE, SIMULATED_FRAMES = (640, 360), 48


@pytest.fixture(scope="module")
def video() -> bytes:
    return clip()


@pytest.fixture(scope="module")
def jobs(crew: Crew, video: bytes) -> Jobs:
    own = {"kind": "enhance", "video": {"asset_id": upload(crew, video)}}
    junk = {"kind": "enhance", "video": {"asset_id": upload(crew, b"not a video" * 99)}}
    gpu = {"device": "gpu"}
    return crew.finish(
        {
            "upload": crew.api.create_job(own),
            "generated": crew.start("A heron", SIMULATED, enhance={}),
            "gpu or nothing": crew.api.create_job(own | {"enhance": gpu}),
            "gpu if possible": crew.start(
                "A tram", SIMULATED, enhance=gpu | {"on_failure": "deliver"}
            ),
            "junk": crew.api.create_job(junk),
        }
    )


def test_upload_is_twice_as_large_and_sounds_the_same(crew: Crew, jobs: Jobs, video: bytes) -> None:
    job = jobs["upload"]
    assert job["state"] == "succeeded", job["error"]

    made, source = look(crew.api.download(job["outputs"][0]["asset_id"])), look(video)

    assert made.size == tuple(2 * side for side in source.size)
    assert made.frames == source.frames
    assert made.audio_sha256 == source.audio_sha256


def test_asset_is_what_the_report_said(crew: Crew, jobs: Jobs) -> None:
    asset_id = jobs["upload"]["outputs"][0]["asset_id"]
    asset, video = crew.api.asset(asset_id), crew.api.download(asset_id)

    assert len(video) == asset["size_bytes"]
    assert (asset["media"]["width"], asset["media"]["height"]) == look(video).size
    assert asset["media"]["frames"] == look(video).frames


def test_generated_video_is_enhanced_before_it_is_delivered(crew: Crew, jobs: Jobs) -> None:
    job = jobs["generated"]
    assert job["state"] == "succeeded", job["error"]

    made = look(crew.api.download(job["outputs"][0]["asset_id"]))

    assert made.size == tuple(2 * side for side in SIMULATED_SIZE)
    assert made.frames == SIMULATED_FRAMES
    assert job["enhancement"]["asset_id"] == job["outputs"][0]["asset_id"]


@pytest.mark.parametrize("name", ["upload", "generated"])
def test_receipt_shows_the_enhancement(jobs: Jobs, name: str) -> None:
    (only,) = jobs[name]["enhancement"]["tries"]

    assert only["state"] == "succeeded"
    assert only["charge"]["basis"] == "measured"
    assert only["charge"]["seconds"] > 0


def test_progress_was_measured(jobs: Jobs) -> None:
    assert jobs["generated"]["progress"] == {"fraction": 1.0, "basis": "measured"}


def test_job_fails_by_name_when_the_gpu_it_demands_is_absent(jobs: Jobs) -> None:
    job = jobs["gpu or nothing"]

    assert (job["state"], job["error"]["code"]) == ("failed", "enhance_no_device")


def test_video_is_delivered_as_it_was_when_that_was_asked_for(crew: Crew, jobs: Jobs) -> None:
    job = jobs["gpu if possible"]
    assert job["state"] == "succeeded", job["error"]

    assert look(crew.api.download(job["outputs"][0]["asset_id"])).size == SIMULATED_SIZE
    assert job["enhancement"]["failure"]["code"] == "enhance_no_device"


def test_file_that_is_no_video_is_refused_by_name(jobs: Jobs) -> None:
    job = jobs["junk"]

    assert job["state"] == "failed"
    assert job["charged"] == "no"
    assert job["error"]["code"]


def test_worker_goes_on_whatever_it_was_given(crew: Crew, jobs: Jobs) -> None:
    assert jobs
    assert crew.twin.worker.running
    log = crew.twin.worker.log_path.read_text("utf-8")
    assert "X-Amz-Signature" not in log and "Traceback" not in log
