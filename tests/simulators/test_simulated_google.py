"""Vertex and Cloud Storage on the wire, where the SDK does not look."""

from __future__ import annotations

import base64
import io

import av
import httpx
import pytest
from PIL import Image

MODEL = (
    "/v1/projects/dailies-simulated/locations/us-central1/publishers/google/models"
    "/veo-3.1-fast-generate-001"
)
SUBMIT, FETCH = MODEL + ":predictLongRunning", MODEL + ":fetchPredictOperation"


@pytest.fixture
def vertex():
    clients: list[httpx.Client] = []

    def begin(sims, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or sims.google.credentials['access_token']}"}
        clients.append(httpx.Client(base_url=sims.google.base_url, headers=headers, timeout=10))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()


def _body(prompt: str = "a kite", **parameters: object) -> dict:
    return {"instances": [{"prompt": prompt}], "parameters": {"durationSeconds": 4} | parameters}


def _fetch(client: httpx.Client, name: str) -> dict:
    return client.post(FETCH, json={"operationName": name}).json()


def test_operation_has_the_documented_shape_when_running_and_done(start, vertex) -> None:
    sims = start()
    client = vertex(sims)

    accepted = client.post(SUBMIT, json=_body()).json()
    running = _fetch(client, accepted["name"])
    sims.advance(3600)
    done = _fetch(client, accepted["name"])

    assert set(accepted) == {"name"}
    assert accepted["name"].startswith(MODEL.removeprefix("/v1/") + "/operations/")
    assert running == accepted
    assert (done["name"], done["done"]) == (accepted["name"], True)
    response = done["response"]
    assert response["@type"].endswith("cloud.ai.large_models.vision.GenerateVideoResponse")
    assert response["raiMediaFilteredCount"] == 0
    [video] = response["videos"]
    assert set(video) == {"bytesBase64Encoded", "mimeType"}
    with av.open(io.BytesIO(base64.b64decode(video["bytesBase64Encoded"]))) as container:
        assert container.streams.video[0].frames == 96
        assert container.streams.video[0].average_rate == 24
        assert len(container.streams.audio) == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (_body(durationSeconds="4"), "durationSeconds"),
        (_body(aspectRatio="1:1"), "aspectRatio"),
        (_body(resolution="8k"), "resolution"),
        (_body(resolution="1080p"), "8 seconds"),
        (_body(sampleCount=5), "sampleCount"),
        (_body(seed=2**32), "seed"),
        (_body(personGeneration="dont_allow"), "personGeneration"),
        (_body(generateAudio="yes"), "generateAudio"),
        (_body(storageUri="s3://x/"), "storageUri"),
        (_body(prompt=""), "prompt"),
        ({"instances": []}, "instances"),
        ({"instances": [{"lastFrame": {}, "prompt": "a"}]}, "lastFrame"),
        ({"instances": [{"image": {"bytesBase64Encoded": "aGk="}, "prompt": "a"}]}, "mimeType"),
        ({"instances": [{"video": {"gcsUri": "gs://a/b"}, "prompt": "a"}]}, "video"),
    ],
)
def test_request_is_refused_with_invalid_argument_when_it_is_wrong(
    start, vertex, body, text
) -> None:
    sims = start()

    response = vertex(sims).post(SUBMIT, json=body)

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert text in error["message"]
    assert sims.google.created == 0


def test_errors_have_googles_shape_when_auth_project_or_operation_is_wrong(start, vertex) -> None:
    sims = start()
    client = vertex(sims)

    nobody = httpx.post(sims.google.base_url + SUBMIT, json=_body())
    stranger = client.post(SUBMIT.replace("dailies-simulated", "other"), json=_body())
    lost = client.post(
        FETCH, json={"operationName": MODEL.removeprefix("/v1/") + "/operations/none"}
    )
    nameless = client.post(FETCH, json={})
    nowhere = client.get("/v1/nothing")

    found = [(one.status_code, one.json()["error"]["status"]) for one in (
        nobody, stranger, lost, nameless, nowhere
    )]  # fmt: skip
    assert found == [
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (400, "INVALID_ARGUMENT"),
        (404, "NOT_FOUND"),
    ]
    assert nobody.json()["error"]["details"][0]["reason"] == "CREDENTIALS_MISSING"


def test_submit_is_refused_when_the_minutes_quota_is_used(start, vertex) -> None:
    sims = start(google={"requests_per_minute": 2})
    client = vertex(sims)

    answers = [client.post(SUBMIT, json=_body()) for _ in range(3)]
    sims.advance(61)
    later = client.post(SUBMIT, json=_body())

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["details"][0]["retryDelay"] == "60s"
    assert later.status_code == 200


def _stored(sims, client) -> str:
    name = client.post(SUBMIT, json=_body(storageUri="gs://results/tenant/att_1/")).json()["name"]
    sims.advance(3600)
    [video] = _fetch(client, name)["response"]["videos"]
    assert set(video) == {"gcsUri", "mimeType"}
    return video["gcsUri"]


def test_prefix_is_empty_until_the_operation_ends_when_listed(start, vertex) -> None:
    sims = start()
    client = vertex(sims)
    client.post(SUBMIT, json=_body(storageUri="gs://results/tenant/att_1/"))
    listing = sims.google.files_url + "/storage/v1/b/results/o?prefix=tenant/att_1/"

    before = client.get(listing).json()
    sims.advance(3600)
    after = client.get(listing).json()
    elsewhere = client.get(listing.replace("att_1", "att_2")).json()

    assert before == elsewhere == {"kind": "storage#objects"}
    [item] = after["items"]
    assert item["name"].startswith("tenant/att_1/") and item["name"].endswith("/sample_0.mp4")
    assert (item["bucket"], item["contentType"]) == ("results", "video/mp4")
    assert sims.google.calls["lookup"] == 3


@pytest.mark.parametrize("root", ["/storage/v1", "/download/storage/v1"])
def test_object_is_downloaded_with_ranges_when_authorized(start, vertex, root) -> None:
    sims = start()
    client = vertex(sims)
    bucket, _, name = _stored(sims, client).removeprefix("gs://").partition("/")
    url = f"{sims.google.files_url}{root}/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media"

    whole = client.get(url)
    part = client.get(url, headers={"Range": "bytes=5-9", "If-Range": whole.headers["etag"]})
    refused = httpx.get(url)
    metadata = client.get(url.removesuffix("?alt=media")).json()

    assert whole.content[4:8] == b"ftyp"
    assert (part.status_code, part.content) == (206, whole.content[5:10])
    assert refused.status_code == 401
    assert refused.json()["error"]["errors"][0]["reason"] == "authError"
    assert metadata["size"] == str(len(whole.content))
    assert client.get(metadata["mediaLink"]).content == whole.content


def test_object_is_not_found_when_there_is_none(start, vertex) -> None:
    sims = start()

    response = vertex(sims).get("/storage/v1/b/results/o/nothing.mp4?alt=media")

    assert response.status_code == 404
    assert response.json()["error"]["message"] == "No such object: results/nothing.mp4"


def test_each_submit_is_a_new_task_when_repeated(start, vertex) -> None:
    sims = start()
    client = vertex(sims)

    names = {
        client.post(SUBMIT, json=_body(storageUri="gs://r/att_1/")).json()["name"] for _ in "ab"
    }

    assert len(names) == 2
    assert (sims.google.created, sims.google.created_for("gs://r/att_1/")) == (2, 2)
    assert (sims.google.created_for("att_1"), sims.google.created_for("att")) == (2, 0)


def _image() -> dict[str, str]:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "PNG")
    return {
        "bytesBase64Encoded": base64.b64encode(buffer.getvalue()).decode(),
        "mimeType": "image/png",
    }


def _referring(count: int, kind: str = "asset", **parameters: object) -> dict:
    body = _body(**{"durationSeconds": 8} | parameters)
    references = [{"image": _image(), "referenceType": kind}] * count
    body["instances"][0]["referenceImages"] = references
    return body


def test_references_are_taken_when_there_are_few(start, vertex) -> None:
    sims = start()

    response = vertex(sims).post(SUBMIT, json=_referring(3))

    assert response.status_code == 200
    assert sims.google.tasks[0].mode == "text_to_video"


@pytest.mark.parametrize(
    ("model", "body", "text"),
    [
        ("fast", _referring(4), "referenceImages"),
        ("fast", _referring(0), "referenceImages"),
        ("fast", _referring(1, kind="style"), "asset"),
        ("fast", _referring(1, durationSeconds=4), "8 seconds only"),
        ("lite", _referring(1), "referenceImages"),
        ("lite", {"instances": [{"video": {"gcsUri": "gs://a/b"}, "prompt": "a"}]}, "video_extend"),
        ("fast", {"instances": [{"video": {"mimeType": "video/mp4"}, "prompt": "a"}]}, "MP4"),
    ],
)
def test_references_and_videos_are_refused_when_veo_cannot_use_them(
    start, vertex, model, body, text
) -> None:
    sims = start()

    response = vertex(sims).post(SUBMIT.replace("fast", model), json=body)

    assert response.status_code == 400
    assert text in response.json()["error"]["message"]
    assert sims.google.created == 0


def _extended(sims, client, uri: str) -> dict:
    video = {"gcsUri": uri, "mimeType": "video/mp4"}
    body = {
        "instances": [{"prompt": "it flies on", "video": video}],
        "parameters": {"storageUri": "gs://results/tenant/att_2/"},
    }
    reply = client.post(SUBMIT, json=body).json()
    if "error" in reply:
        return reply
    sims.advance(3600)
    return _fetch(client, reply["name"])


def test_video_grows_by_seven_seconds_when_it_is_extended(start, vertex) -> None:
    sims = start()
    client = vertex(sims)

    first = _extended(sims, client, _stored(sims, client))
    again = _extended(sims, client, first["response"]["videos"][0]["gcsUri"])

    assert again["done"]
    assert [task.video_s for task in sims.google.tasks] == [4, 11, 18]
    bucket, _, name = again["response"]["videos"][0]["gcsUri"][5:].partition("/")
    url = f"{sims.google.files_url}/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media"
    with av.open(io.BytesIO(client.get(url).content)) as container:
        assert container.streams.video[0].frames == 18 * 24


def test_only_what_is_added_is_charged_when_a_video_is_extended(start, vertex) -> None:
    sims = start()
    client = vertex(sims)

    _extended(sims, client, _stored(sims, client))

    assert [task.cost_usd for task in sims.google.tasks] == ["0.40", "0.70"]


def test_video_is_refused_when_it_is_lost_or_too_long(start, vertex) -> None:
    sims = start()
    client = vertex(sims)
    uri = _stored(sims, client)
    lost = _extended(sims, client, "gs://results/nothing.mp4")
    for _ in range(4):
        uri = _extended(sims, client, uri)["response"]["videos"][0]["gcsUri"]

    too_long = _extended(sims, client, uri)

    assert lost["error"]["status"] == "NOT_FOUND"
    assert "30 seconds" in too_long["error"]["message"]
    assert sims.google.created == 5
