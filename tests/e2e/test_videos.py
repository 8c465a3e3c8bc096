"""A prompt, or a picture, becomes a stored video that plays, at one price."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from PIL import Image

from tests.e2e.crew import GOOGLE, KLING, Crew

Jobs = dict[str, dict[str, Any]]
NAMES = ("kling text", "google text", "kling image", "google last frame", "broken download")


def upload_image(crew: Crew, color: str) -> str:
    """Upload a picture through the presigned form, and return its asset id."""
    picture = io.BytesIO()
    Image.new("RGB", (1280, 720), color).save(picture, "PNG")
    body = {"content_type": "image/png", "size_bytes": len(picture.getvalue())}
    form = crew.api.http.post("/v1/uploads", json=body).raise_for_status().json()
    files = {"file": ("first.png", picture.getvalue(), "image/png")}
    sent = httpx.post(form["url"], data=form["fields"], files=files, trust_env=False)
    assert sent.is_success, sent.text
    return form["asset_id"]


@pytest.fixture(scope="module")
def jobs(crew: Crew) -> Jobs:
    first, last = (upload_image(crew, color) for color in ("teal", "maroon"))
    image = {"kind": "image_to_video", "image": {"asset_id": first}}
    return crew.finish(
        {
            "kling text": crew.start("A heron at dawn", KLING),
            "google text": crew.start("A tram in the fog", GOOGLE),
            "kling image": crew.start("It begins to rain", KLING, **image),
            "google last frame": crew.start(
                "Day turns to night", GOOGLE, **image, last_frame={"asset_id": last}
            ),
            "broken download": crew.start("A train, broken download", KLING),
        }
    )


@pytest.mark.parametrize("name", NAMES)
def test_job_succeeds_with_one_paid_task_when_all_goes_well(
    crew: Crew, jobs: Jobs, name: str
) -> None:
    job = jobs[name]

    assert job["state"] == "succeeded", job["error"]
    assert job["charged"] == "yes"
    assert len(crew.tasks(job, job["attempt"]["vendor"])) == 1
    assert len(crew.paid_attempts(job)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_asset_is_what_the_api_says_when_it_is_downloaded(
    crew: Crew, jobs: Jobs, name: str, tmp_path: Path
) -> None:
    asset_id = jobs[name]["outputs"][0]["asset_id"]
    asset, video = crew.api.asset(asset_id), crew.api.download(asset_id)

    assert len(video) == asset["size_bytes"]
    assert hashlib.sha256(video).hexdigest() == asset["sha256"]
    file = tmp_path / "video.mp4"
    file.write_bytes(video)
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        frames = sum(1 for _ in container.decode(stream))
        assert (stream.width, stream.height) == (asset["media"]["width"], asset["media"]["height"])
        assert stream.codec_context.name == asset["media"]["video_codec"]
    assert frames == asset["media"]["frames"]


@pytest.mark.parametrize("name", NAMES)
def test_poster_is_a_picture_of_the_video_when_the_job_is_done(
    crew: Crew, jobs: Jobs, name: str
) -> None:
    asset_id = jobs[name]["outputs"][0]["asset_id"]
    s3, bucket = crew.twin.emulator.client("s3"), crew.twin.outputs["MediaBucketName"]
    key = f"posters/acme/{jobs[name]['job_id']}/{asset_id}.jpg"

    poster = Image.open(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))

    media = crew.api.asset(asset_id)["media"]
    assert poster.format == "JPEG"
    assert abs(poster.width / poster.height - media["width"] / media["height"]) < 0.02


def test_vendor_gets_the_uploaded_images_when_the_job_starts_from_them(
    crew: Crew, jobs: Jobs
) -> None:
    (kling,) = crew.tasks(jobs["kling image"])
    (google,) = crew.tasks(jobs["google last frame"], "google")

    assert kling["mode"] == google["mode"] == "image_to_video"


def test_download_is_resumed_when_the_connection_breaks(crew: Crew, jobs: Jobs) -> None:
    calls = crew.twin.simulated("kling", "requests")["calls"]

    assert jobs["broken download"]["state"] == "succeeded"
    assert calls["download"] > len([j for j in jobs.values() if j["attempt"]["vendor"] == "kling"])


def test_vendors_keys_go_nowhere_else_when_results_are_fetched(crew: Crew, jobs: Jobs) -> None:
    assert jobs
    for vendor in ("kling", "google"):
        assert "leaked_key" not in crew.twin.simulated(vendor, "requests")["calls"]
