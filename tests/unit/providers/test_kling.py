"""What Kling's cases cannot say: requests that lack something."""

from __future__ import annotations

import dataclasses
import json

from provider_cases import attempt, build, request_for

from dailies.domain.outcomes import Handle

CREATED = {"status": 200, "json": {"code": 0, "data": {"id": 7}}}


def test_no_callback_is_asked_for_when_nobody_can_reach_us() -> None:
    provider, wire = build("kling", [CREATED])

    provider.submit(request_for("kling", "text_to_video"), attempt(callback_url=None))

    assert "callback_url" not in json.loads(wire.asked[0].content)["options"]


def test_prompt_part_is_left_out_when_there_is_no_prompt() -> None:
    provider, wire = build("kling", [CREATED])
    request = dataclasses.replace(request_for("kling", "image_to_video"), prompt="", image=None)

    provider.submit(request, attempt())

    assert json.loads(wire.asked[0].content)["contents"] == []


def test_model_is_passed_on_when_the_catalogue_lost_it_meanwhile() -> None:
    provider, wire = build("kling", [CREATED])
    request = dataclasses.replace(request_for("kling", "text_to_video"), model="kling-9/x")

    handle = provider.submit(request, attempt())

    assert handle == Handle(vendor="kling", data={"generation": "path-per-model", "task_id": "7"})
    assert str(wire.asked[0].url).endswith("/text-to-video/kling-9%2Fx")
