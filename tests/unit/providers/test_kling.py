"""What Kling's cases cannot say: requests that lack something."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from provider_cases import IMAGE, attempt, build, request_for

from dailies.domain.errors import ProviderUnavailableError, StorageError
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


def test_older_api_is_not_asked_to_call_back_when_nobody_can_reach_us() -> None:
    provider, wire = build(
        "kling", [{"status": 200, "json": {"code": 0, "data": {"task_id": "7"}}}]
    )

    request = request_for("kling", "text_to_video", {"model": "kling-v2-6"})
    provider.submit(request, attempt(callback_url=None))

    assert "callback_url" not in json.loads(wire.asked[0].content)


NAMED = {
    "kling-3.0": lambda body: body["contents"][1]["url"],
    "kling-v2-6": lambda body: body["image"],
}


def image_request(model: str, **changed: Any) -> Any:
    """Return a request whose image lies on a laptop."""
    request = request_for("kling", "image_to_video", {"model": model})
    assert request.image
    known: dict[str, Any] = {"url": "http://127.0.0.1:9000/image.png?signed"}
    image = dataclasses.replace(request.image, **(known | changed))
    return dataclasses.replace(request, image=image)


@pytest.mark.parametrize("model", NAMED)
def test_image_is_sent_itself_when_the_vendor_could_not_fetch_it(model: str) -> None:
    created = {"status": 200, "json": {"code": 0, "data": {"id": "7", "task_id": "7"}}}
    provider, wire = build("kling", [created])

    provider.submit(image_request(model), attempt())

    sent = NAMED[model](json.loads(wire.asked[0].content))
    assert base64.b64decode(sent, validate=True) == IMAGE


@pytest.mark.parametrize("model", NAMED)
def test_nothing_is_sent_when_an_image_cannot_be_read(model: str) -> None:
    class Gone:
        def read(self) -> bytes:
            raise StorageError("The bucket did not answer.")

    provider, wire = build("kling", [])

    with pytest.raises(ProviderUnavailableError, match="an input could not be read"):
        provider.submit(image_request(model, source=Gone()), attempt())

    assert wire.asked == []


def test_newer_query_is_asked_when_the_catalogue_does_not_know_the_model() -> None:
    provider, wire = build("kling", [{"status": 200, "json": {"code": 0, "data": []}}])

    provider.lookup(attempt(), "kling-9")

    assert wire.asked[0].url.path == "/tasks"
