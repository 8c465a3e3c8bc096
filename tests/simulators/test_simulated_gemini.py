"""The Interactions API on the wire, and Google's own SDK against it over a real socket."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import av
import httpx
import pytest
from google import genai
from google.genai import types
from google.genai._gaos.lib.compat_errors import BadRequestError, RateLimitError

from local.simulators import Simulators

OMNI = "gemini-omni-1.1-flash"
FORMAT = {"type": "video", "delivery": "uri", "duration": "4s", "resolution": "360p"}
URL = "/v1beta/interactions"
OpenClient = Callable[[Simulators], genai.Client]
OpenHttp = Callable[..., httpx.Client]


@pytest.fixture
def open_client() -> Iterator[OpenClient]:
    clients: list[genai.Client] = []

    def begin(sims: Simulators, key: str | None = None) -> genai.Client:
        retries = types.HttpRetryOptions(attempts=1)
        options = types.HttpOptions(base_url=sims.gemini.base_url, retry_options=retries)
        given = key or sims.gemini.credentials["api_key"]
        clients.append(genai.Client(api_key=given, http_options=options))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()


@pytest.fixture
def gemini() -> Iterator[OpenHttp]:
    clients: list[httpx.Client] = []

    def begin(sims: Simulators, **headers: str) -> httpx.Client:
        key = {"x-goog-api-key": sims.gemini.credentials["api_key"]}
        clients.append(httpx.Client(base_url=sims.gemini.base_url, headers=key | headers))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()


def _create(client: genai.Client, **given: Any) -> Any:
    asked = {"model": OMNI, "input": "a kite", "background": True, "response_format": FORMAT}
    return client.interactions.create(**asked | given)


def _body(**given: Any) -> dict[str, Any]:
    asked = {"model": OMNI, "input": "a kite", "background": True, "response_format": FORMAT}
    return asked | given


def _decoded(content: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(content)) as container:
        return container.streams.video[0].frames, len(container.streams.audio)


# ---------------------------------------------------------------- the vendor's own SDK


def test_sdk_completes_text_to_video_when_the_result_is_a_file(start, open_client) -> None:
    sims = start()
    client = open_client(sims)
    created = _create(client)
    assert created.status in ("queued", "in_progress")

    sims.advance(3600)
    done = client.interactions.get(created.id)

    assert done.status == "completed"
    assert done.output_video.mime_type == "video/mp4"
    [row] = done.usage.output_tokens_by_modality
    assert (row.modality, row.tokens) == ("video", 7771)
    content = client.files.download(file=done.output_video.uri)
    assert _decoded(content) == (96, 1)


def test_sdk_completes_image_to_video_when_the_result_is_inline(start, open_client, png) -> None:
    sims = start()
    client = open_client(sims)
    image = {
        "type": "image",
        "data": base64.b64encode(png(64, 64)).decode(),
        "mime_type": "image/png",
    }
    created = _create(
        client,
        input=[image, {"type": "text", "text": "it moves"}],
        response_format=FORMAT | {"delivery": "inline", "aspect_ratio": "9:16"},
        generation_config={"video_config": {"task": "image_to_video"}},
    )

    sims.advance(3600)
    done = client.interactions.get(created.id)

    assert _decoded(base64.b64decode(done.output_video.data)) == (96, 1)
    assert sims.gemini.tasks[0].mode == "image_to_video"


def test_sdk_sees_the_end_when_it_cancels(start, open_client) -> None:
    sims = start()
    client = open_client(sims)
    created = _create(client)

    cancelled = client.interactions.cancel(created.id)
    sims.advance(3600)

    assert cancelled.status == "cancelled"
    assert client.interactions.get(created.id).status == "cancelled"
    assert (sims.gemini.created, sims.gemini.billed) == (1, 0)


def test_sdk_gets_the_text_when_safety_withholds_the_video(start, open_client) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "moderation"}}])
    client = open_client(sims)
    created = _create(client)

    sims.advance(3600)
    done = client.interactions.get(created.id)

    assert (done.status, done.output_video) == ("completed", None)
    assert done.output_text.startswith("I can't generate this video.")


def test_sdk_gets_the_error_when_the_task_fails(start, open_client) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "fail", "message": "Out of luck."}}])
    client = open_client(sims)
    created = _create(client)

    sims.advance(3600)

    assert client.interactions.get(created.id).status == "failed"


def test_sdk_raises_the_apis_own_error_when_a_request_is_wrong(start, open_client) -> None:
    sims = start()
    client = open_client(sims)

    with pytest.raises(BadRequestError) as refused:
        _create(client, response_format=FORMAT | {"duration": "60s"})
    with pytest.raises(BadRequestError) as lost:
        client.interactions.get("v1_nothing")

    assert "'code': 'invalid_request'" in str(refused.value)
    assert "duration" in str(refused.value)
    assert "Invalid interaction name." in str(lost.value)
    assert sims.gemini.created == 0


def test_sdk_raises_when_the_key_is_wrong_or_the_quota_used(start, open_client) -> None:
    rule = {"kind": "throttle", "retry_after_s": 7}
    sims = start(rules=[{"vendor": "gemini", "on": "submit", "do": rule}])

    with pytest.raises(BadRequestError, match="API key not valid"):
        _create(open_client(sims, "wrong"))
    with pytest.raises(RateLimitError, match="exceeded your current quota"):
        _create(open_client(sims))

    assert sims.gemini.created == 0


def test_sdk_registers_a_webhook_when_asked(start, open_client) -> None:
    sims = start()
    sims.receiver.use_secret(sims.gemini.credentials["webhook_secret"])
    client = open_client(sims)

    webhook = client.webhooks.create(
        uri=f"{sims.receiver.base_url}/all", subscribed_events=["interaction.completed"]
    )
    created = _create(client)
    sims.advance(3600)

    assert webhook.new_signing_secret == sims.gemini.credentials["webhook_secret"]
    [received] = sims.receiver.webhooks
    assert received.verified is True
    message = json.loads(received.body)
    assert (message["type"], message["data"]) == ("interaction.completed", {"id": created.id})


# ---------------------------------------------------------------- what the SDK does not look at


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"response_format": FORMAT | {"duration": 4}}, "duration"),
        ({"response_format": FORMAT | {"duration": "4"}}, "duration"),
        ({"response_format": FORMAT | {"resolution": "8k"}}, "resolution"),
        ({"response_format": FORMAT | {"aspect_ratio": "1:1"}}, "aspect_ratio"),
        ({"response_format": FORMAT | {"delivery": "mail"}}, "delivery"),
        ({"response_format": {"type": "audio"}}, "response_format.type"),
        ({"store": False}, "store"),
        ({"seed": 7}, "seed"),
        ({"input": ""}, "text"),
        ({"input": [7]}, "input"),
        ({"input": [{"type": "audio"}]}, "audio"),
        ({"input": [{"type": "image", "data": "aGk=", "mime_type": "image/png"}]}, "image"),
        ({"input": [{"type": "image", "data": "aGk=", "mime_type": "image/gif"}]}, "mime_type"),
        ({"generation_config": {"video_config": {"task": "image_to_video"}}}, "task"),
        ({"generation_config": {"video_config": {"task": "upscale"}}}, "task"),
        ({"webhook_config": {"uris": "https://a.example"}}, "webhook_config"),
    ],
)
def test_request_is_refused_with_a_word_when_it_is_wrong(start, gemini, given, text) -> None:
    sims = start()

    response = gemini(sims).post(URL, json=_body(**given))

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "invalid_request")
    assert text in error["message"]
    assert sims.gemini.created == 0


def test_front_end_answers_in_an_array_when_the_body_is_no_json(start, gemini) -> None:
    sims = start()

    response = gemini(sims).post(URL, content=b"{")

    [answer] = response.json()
    assert (response.status_code, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("model", ["veo-3.1-generate-preview", "gemini-omni-9"])
def test_model_is_gone_when_it_has_retired_or_never_was(start, gemini, model) -> None:
    sims = start()

    response = gemini(sims).post(URL, json=_body(model=model))

    assert response.status_code == 404
    assert "no longer available" in response.json()["error"]["message"]


def test_queue_comes_first_when_a_task_is_new(start, gemini) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "duration", "seconds": 100}}])
    client = gemini(sims)
    created = client.post(URL, json=_body()).json()

    seen = [created["status"]]
    for seconds in (10, 80, 20):
        sims.advance(seconds)
        seen.append(client.get(f"{URL}/{created['id']}").json()["status"])

    assert seen == ["queued", "in_progress", "in_progress", "completed"]


def test_file_is_refused_when_the_key_is_missing_wrong_or_the_task_runs(start, gemini) -> None:
    sims = start()
    client = gemini(sims)
    created = client.post(URL, json=_body()).json()
    sims.advance(3600)
    document = client.get(f"{URL}/{created['id']}").json()
    [step] = document["steps"]
    uri = step["content"][0]["uri"]
    assert re.fullmatch(
        r"https://generativelanguage\.googleapis\.com/v1beta/files/[a-z0-9]+:download\?alt=media",
        uri,
    )
    path = uri.removeprefix("https://generativelanguage.googleapis.com")

    without = httpx.get(sims.gemini.base_url + path)
    wrong = httpx.get(sims.gemini.base_url + path, headers={"x-goog-api-key": "wrong"})
    part = client.get(path, headers={"Range": "bytes=4-7"})
    nothing = client.get("/v1beta/files/nothing:download?alt=media")

    codes = [one.status_code for one in (without, wrong, part, nothing)]
    assert codes == [403, 400, 206, 403]
    assert part.content == b"ftyp"


def test_webhook_names_its_own_address_when_the_request_asked_for_it(start, gemini) -> None:
    sims = start()
    uri = f"{sims.receiver.base_url}/callbacks/1"
    sims.gemini.register_webhook(f"{sims.receiver.base_url}/all")
    config = {"uris": [uri], "user_metadata": {"attempt_id": "att_1"}}

    gemini(sims).post(URL, json=_body(webhook_config=config))
    sims.advance(3600)

    [received] = sims.receiver.webhooks
    assert received.path == "/callbacks/1"
    head, claims, _ = received.headers["webhook-signature"].split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert told["aud"] == uri
    [key] = gemini(sims).get("/.well-known/jwks.json").json()["keys"]
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["kid"] == key["kid"]
    assert json.loads(received.body)["user_metadata"] == {"attempt_id": "att_1"}
    assert sims.gemini.created_for("att_1") == 1


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        ({"kind": "never"}, 0),
        ({"kind": "never", "status": "failed"}, 1),
        ({"kind": "duplicate", "count": 2}, 3),
        ({"kind": "late", "seconds": 9000}, 0),
    ],
)
def test_webhook_goes_astray_when_the_scenario_says_so(start, gemini, fault, count) -> None:
    sims = start(rules=[{"vendor": "gemini", "on": "callback", "do": fault}])
    config = {"uris": [f"{sims.receiver.base_url}/callbacks/1"]}

    gemini(sims).post(URL, json=_body(webhook_config=config))
    sims.advance(3600)

    assert len(sims.receiver.webhooks) == count
    assert len({one.headers["webhook-id"] for one in sims.receiver.webhooks}) <= 1


def test_webhook_has_no_signature_when_the_scenario_leaves_it_out(start, gemini) -> None:
    sims = start(rules=[{"on": "callback", "do": {"kind": "unsigned"}}])
    config = {"uris": [f"{sims.receiver.base_url}/callbacks/1"]}

    gemini(sims).post(URL, json=_body(webhook_config=config))
    sims.advance(3600)

    [received] = sims.receiver.webhooks
    assert "webhook-signature" not in received.headers


def test_no_webhook_is_sent_when_the_task_was_cancelled(start, gemini) -> None:
    sims = start()
    client = gemini(sims)
    config = {"uris": [f"{sims.receiver.base_url}/callbacks/1"]}
    created = client.post(URL, json=_body(webhook_config=config)).json()

    client.post(f"{URL}/{created['id']}/cancel", json={})
    sims.advance(3600)

    assert sims.receiver.webhooks == []


def test_poll_is_refused_now_and_then_when_the_scenario_says_so(start, gemini) -> None:
    transient = {"kind": "http_error", "status": 400}
    word = {"kind": "http_error", "status": 500, "code": "internal", "message": "Oops."}
    sims = start(rules=[{"on": "poll", "do": transient}, {"on": "poll", "do": word}])
    client = gemini(sims)
    created = client.post(URL, json=_body()).json()

    answers = [client.get(f"{URL}/{created['id']}") for _ in range(3)]

    assert [one.status_code for one in answers] == [400, 500, 200]
    assert answers[1].json() == {"error": {"code": "internal", "message": "Oops."}}
