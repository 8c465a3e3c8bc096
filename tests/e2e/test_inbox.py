"""The drop folder: files become videos in the outbox, and problems become files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from local.twin.twin import Twin
from tests.e2e.crew import KLING, Crew, until

TENANT = "studio"
MODEL = {"model": KLING, "duration_s": 5}
_PATIENCE_S = 300


def picture(color: str) -> bytes:
    """Return a picture that every vendor takes."""
    file = io.BytesIO()
    Image.new("RGB", (1280, 720), color).save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Folder:
    """One tenant's part of the bucket, as an administrator sees it."""

    twin: Twin

    @property
    def _s3(self) -> Any:
        return self.twin.emulator.client("s3")

    @property
    def _bucket(self) -> str:
        return self.twin.outputs["MediaBucketName"]

    def drop(self, path: str, content: bytes | str | dict[str, Any]) -> None:
        """Upload a file into the inbox."""
        if isinstance(content, dict):
            content = json.dumps(content)
        key = f"inbox/{TENANT}/{path}"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)

    def keys(self, prefix: str, *, ending: str = "") -> list[str]:
        """Return the keys below a prefix of the bucket."""
        listing = self._s3.get_paginator("list_objects_v2")
        pages = listing.paginate(Bucket=self._bucket, Prefix=prefix)
        found = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return sorted(key for key in found if key.endswith(ending))

    def outbox(self, path: str, ending: str) -> list[str]:
        """Return what the outbox holds about a dropped file."""
        return self.keys(f"outbox/{TENANT}/{path}.", ending=ending)

    def await_outbox(self, path: str, ending: str, count: int = 1) -> list[str]:
        """Return what the outbox holds once there is so much of it."""
        return until(
            lambda: self.outbox(path, ending), lambda found: len(found) >= count, _PATIENCE_S
        )

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def problem(self, path: str) -> dict[str, Any]:
        """Wait for the problem file of a dropped file, and return it."""
        (key,) = self.await_outbox(path, "problem.json")
        return json.loads(self.read(key))

    def tell_again(self, path: str) -> None:
        """Send a duplicate of the event of a file's newest version."""
        key = f"inbox/{TENANT}/{path}"
        head = self._s3.head_object(Bucket=self._bucket, Key=key)
        detail = {
            "bucket": {"name": self._bucket},
            "object": {"key": key, "version-id": head["VersionId"]},
        }
        entry = {"Source": "aws.s3", "DetailType": "Object Created", "Detail": json.dumps(detail)}
        self.twin.emulator.client("events").put_events(Entries=[entry])


def assert_plays(video: bytes, tmp_path: Path) -> None:
    """See that a file is a video with frames."""
    file = tmp_path / "video.mp4"
    file.write_bytes(video)
    with av.open(str(file)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0


@pytest.fixture(scope="module")
def folder(twin: Twin) -> Iterator[Folder]:
    """A drop folder in which everything was dropped at once, and whose jobs have ended."""
    twin.issue(TENANT)
    folder = Folder(twin)
    prompted = MODEL | {"prompt": "It begins to rain"}
    folder.drop("_defaults.json", MODEL)
    folder.drop("rain/_defaults.json", {"prompt": "It begins to rain"})
    folder.drop("poor/_defaults.json", {"spend_cap_usd": 0.1})
    folder.drop("a heron+1%20é.txt", "A heron at dawn")
    folder.drop("cat.png", picture("teal"))
    folder.drop("cat.png.json", {"prompt": "The cat jumps"})
    folder.drop("rain/tram.png", picture("maroon"))
    folder.drop("_stock/first.png", picture("navy"))
    image = {"key": f"inbox/{TENANT}/_stock/first.png"}
    folder.drop("job.json", prompted | {"kind": "image_to_video", "image": image})
    for number in range(3):
        folder.drop("again.txt", f"Version {number}")
    folder.drop("poor/film.txt", "A film that costs too much")
    folder.drop("virus.png", b"MZ" + bytes(1000))
    folder.drop("novel.txt", "x" * 70_000)
    folder.drop("../up.txt", "A tram")
    for _ in range(5):
        folder.tell_again("cat.png")
    yield folder


@pytest.mark.parametrize("path", ["a heron+1%20é.txt", "cat.png", "rain/tram.png", "job.json"])
def test_playable_video_lies_in_the_outbox_when_a_file_is_dropped(
    folder: Folder, path: str, tmp_path: Path
) -> None:
    (key,) = folder.await_outbox(path, ".mp4")

    assert_plays(folder.read(key), tmp_path)
    (note,) = folder.outbox(path, ".job.json")
    finished = until(
        lambda: json.loads(folder.read(note)), lambda one: one["state"] == "succeeded", 30
    )
    assert finished["files"] == [key]
    assert finished["job_id"] in key


def test_sidecar_gives_the_prompt_when_it_lies_beside_the_picture(
    crew: Crew, folder: Folder
) -> None:
    prompts = {}
    for path in ("cat.png", "rain/tram.png"):
        (key,) = folder.await_outbox(path, ".job.json")
        job_id = json.loads(folder.read(key))["job_id"]
        prompts[path] = json.loads(crew.row(job_id)["request"]["S"])["prompt"]

    assert prompts == {"cat.png": "The cat jumps", "rain/tram.png": "It begins to rain"}


def test_one_task_is_paid_when_events_come_six_times(crew: Crew, folder: Folder) -> None:
    folder.await_outbox("cat.png", ".mp4")
    for _ in range(3):
        folder.tell_again("cat.png")
    (key,) = folder.outbox("cat.png", ".job.json")

    assert len(crew.tasks(json.loads(folder.read(key)))) == 1


def test_each_version_has_a_video_when_a_file_is_uploaded_again(crew: Crew, folder: Folder) -> None:
    assert len(folder.await_outbox("again.txt", ".mp4", count=3)) == 3

    notes = (json.loads(folder.read(key)) for key in folder.outbox("again.txt", ".job.json"))
    requests = (json.loads(crew.row(note["job_id"])["request"]["S"]) for note in notes)
    assert sorted(one["prompt"] for one in requests) == [f"Version {n}" for n in range(3)]


@pytest.mark.parametrize(
    ("path", "code"), [("virus.png", "unsupported_type"), ("novel.txt", "too_large")]
)
def test_file_is_quarantined_when_it_is_hostile(folder: Folder, path: str, code: str) -> None:
    problem = folder.problem(path)

    assert (problem["code"], problem["quarantined"], problem["charged"]) == (code, True, "no")
    assert folder.keys(f"quarantine/{TENANT}/", ending=f"/{path}")


def test_no_job_starts_when_the_folders_cap_is_too_low(folder: Folder) -> None:
    assert folder.problem("poor/film.txt")["code"] == "spend_cap_exceeded"
    assert folder.outbox("poor/film.txt", ".job.json") == []


def test_problem_file_lies_in_a_safe_place_when_the_name_is_hostile(folder: Folder) -> None:
    found = until(lambda: folder.keys(f"outbox/{TENANT}/_refused/"), bool, _PATIENCE_S)

    assert [json.loads(folder.read(key))["code"] for key in found] == ["unsafe_name"]


def test_nothing_of_ours_lies_in_the_inbox_when_all_is_done(folder: Folder) -> None:
    assert not [key for key in folder.keys("inbox/") if "job_" in key or "problem" in key]
