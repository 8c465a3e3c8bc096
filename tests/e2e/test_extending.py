"""A video that one job made is gone on from by another, by its name at the vendor."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.crew import Crew

OLDER = "kling/kling-v1-6"
KIND = {"kind": "video_extend"}


@pytest.fixture(scope="module")
def first(crew: Crew) -> dict[str, Any]:
    return crew.finish({"first": crew.start("A ferry leaves the harbour", OLDER)})["first"]


def test_result_holds_both_when_a_video_is_extended(crew: Crew, first: dict[str, Any]) -> None:
    video = {"asset_id": first["outputs"][0]["asset_id"]}

    more = crew.start("It comes into the fog", OLDER, **KIND, video=video)
    job = crew.finish({"more": more})["more"]

    assert (job["state"], job["error"]) == ("succeeded", None)
    lengths = [crew.api.asset(one["outputs"][0]["asset_id"])["media"] for one in (first, job)]
    assert [round(media["duration_s"]) for media in lengths] == [5, 10]
    (task,) = crew.tasks(job)
    assert (task["mode"], task["cost_usd"]) == ("video_extend", "0.280")


def test_nothing_is_spent_when_the_vendor_did_not_make_the_video(crew: Crew) -> None:
    other = crew.finish({"other": crew.start("A tram in the rain")})["other"]
    video = {"asset_id": other["outputs"][0]["asset_id"]}

    job = crew.finish({"more": crew.start("It stops", OLDER, **KIND, video=video)})["more"]

    assert (job["state"], job["charged"]) == ("failed", "no")
    assert "goes on only from a video that it made itself" in job["error"]["message"]
    assert crew.tasks(job) == []
