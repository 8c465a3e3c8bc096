"""The Kling simulator, field by field: envelope, errors, rows, result URLs."""

from __future__ import annotations

import base64
import io

import av
import httpx
import pytest

T2V = "/text-to-video/kling-3.0"
I2V = "/image-to-video/kling-3.0"


def _body(**settings: object) -> dict:
    options = {"external_task_id": "att_1"}
    return {"prompt": "a kite", "settings": settings, "options": options}


def _finish(sims) -> None:
    sims.advance(3600)


def test_create_answers_the_documented_fields_when_accepted(start, connect) -> None:
    sims = start()

    response = connect(sims).post(T2V, json=_body(duration=3))

    document = response.json()
    assert response.status_code == 200
    assert set(document) == {"code", "message", "request_id", "data"}
    assert (document["code"], document["message"]) == (0, "SUCCEED")
    data = document["data"]
    assert set(data) == {"id", "status", "create_time", "update_time", "external_id"}
    assert (data["status"], data["external_id"]) == ("submitted", "att_1")
    assert data["id"].isdecimal() and len(data["id"]) == 18
    assert data["create_time"] == data["update_time"] == int(sims.clock.now() * 1000)


def test_row_has_the_documented_fields_when_the_task_succeeded(start, connect) -> None:
    sims = start()
    client = connect(sims)
    task_id = client.post(T2V, json=_body(resolution="1080p", audio="native")).json()["data"]["id"]
    _finish(sims)

    [row] = client.get("/tasks", params={"task_ids": task_id}).json()["data"]

    assert set(row) == {
        "id", "status", "message", "create_time", "update_time", "external_id", "outputs",
        "billing",
    }  # fmt: skip
    assert (row["id"], row["status"], row["message"]) == (task_id, "succeeded", "")
    assert row["update_time"] > row["create_time"]
    [output] = row["outputs"]
    assert set(output) == {"type", "id", "url", "watermark_url", "duration"}
    assert (output["type"], output["duration"], output["watermark_url"]) == ("video", "5.04", "")
    [billing] = row["billing"]
    assert set(billing) == {
        "charge_type", "cash_type", "amount", "currency", "package_type", "list_price",
    }  # fmt: skip
    assert (billing["charge_type"], billing["package_type"]) == ("unit", "video")
    assert billing["amount"] == "6"  # 5 s at 0.168 USD, in units of 0.14 USD


def test_status_goes_through_three_words_when_time_passes(start, connect) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "duration", "seconds": 100}}])
    client = connect(sims)
    task_id = client.post(T2V, json=_body()).json()["data"]["id"]

    def status() -> tuple[str, list]:
        [row] = client.get("/tasks", params={"task_ids": task_id}).json()["data"]
        return row["status"], row["outputs"]

    assert status() == ("submitted", [])
    sims.advance(50)
    assert status() == ("processing", [])
    sims.advance(49.9)
    assert status()[0] == "processing"
    sims.advance(0.2)
    assert status()[0] == "succeeded"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, 1001),
        ("", 1001),
        ("Bearer wrong", 1002),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhayJ9.c2ln", 1002),
        ("Basic abc", 1002),
    ],
)
def test_auth_is_refused_with_the_code_when_the_header_is_bad(start, header, code) -> None:
    sims = start()
    headers = {} if header is None else {"Authorization": header}

    for response in (
        httpx.post(sims.kling.base_url + T2V, json=_body(), headers=headers),
        httpx.get(sims.kling.base_url + "/tasks?task_ids=1", headers=headers),
    ):
        document = response.json()
        assert (response.status_code, document["code"]) == (401, code)
        assert set(document) == {"code", "message", "request_id"}
    assert sims.kling.created == 0
    assert sims.kling.calls["submit_refused"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "text"),
    [
        (T2V, {}, 400, 1201, "prompt"),
        (T2V, {"prompt": "x" * 3073}, 400, 1201, "prompt: size must be between 1 and 3072"),
        (T2V, _body(resolution="9000p"), 400, 1201, "settings.resolution value '9000p' is invalid"),
        (T2V, _body(duration=2), 400, 1201, "settings.duration value '2' is invalid"),
        (T2V, _body(duration="5"), 400, 1201, "settings.duration value '5' is invalid"),
        (T2V, _body(aspect_ratio="4:3"), 400, 1201, "settings.aspect_ratio value '4:3' is invalid"),
        (T2V, _body(audio="on"), 400, 1201, "settings.audio value 'on' is invalid"),
        (T2V, _body(multi_shot="no"), 400, 1201, "settings.multi_shot value 'no' is invalid"),
        ("/text-to-video/kling-2.6", _body(audio="native"), 400, 1201, "settings.resolution"),
        (T2V, {"prompt": "a", "options": {"callback_url": 5}}, 400, 1201, "options.callback_url"),
        (T2V, {"prompt": "a", "settings": []}, 400, 1201, "settings"),
        ("/text-to-video/kling-9", _body(), 404, 1203, "kling-9"),
        ("/text-to-music/kling-3.0", _body(), 404, 1202, "method"),
        (I2V, {"contents": []}, 400, 1201, "contents"),
        (I2V, {"contents": [{"type": "prompt", "text": "x"}]}, 400, 1201, "first_frame"),
        (I2V, {"contents": [{"type": "hat"}]}, 400, 1201, "contents[0].type value 'hat'"),
        (
            I2V,
            {"contents": [{"type": "prompt", "text": "x" * 3073}]},
            400,
            1201,
            "contents[0].text: size must be between 0 and 3072",
        ),
        (
            I2V,
            {"contents": [{"type": "last_frame", "url": "http://x/y"}]},
            400,
            1201,
            "first_frame",
        ),
        (I2V, {"contents": [{"type": "first_frame", "url": "%%"}]}, 400, 1201, "Base64"),
    ],
)
def test_request_is_refused_naming_the_field_when_it_is_invalid(
    start, connect, path, body, status, code, text
) -> None:
    sims = start()

    response = connect(sims).post(path, json=body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert text in response.json()["message"]
    assert sims.kling.created == 0


def test_junk_and_unknown_paths_are_refused_when_called(start, connect) -> None:
    client = connect(start())

    junk = client.post(T2V, content=b"{")
    nowhere = client.get("/v9/anything")
    wrong_method = client.delete("/tasks")

    assert (junk.status_code, junk.json()["code"]) == (400, 1200)
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, 1202)
    assert wrong_method.json()["code"] == 1202


def test_unknown_keys_are_ignored_when_sent(start, connect) -> None:
    body = _body(mode="pro", cfg_scale=0.3) | {"negative_prompt": "rain", "model_name": "x"}

    assert connect(start()).post(T2V, json=body).json()["code"] == 0


def test_second_submit_is_refused_when_the_external_id_is_taken(start, connect) -> None:
    sims = start()
    client = connect(sims)
    client.post(T2V, json=_body())

    again = client.post(T2V, json=_body())

    assert (again.status_code, again.json()["code"]) == (400, 1201)
    assert "already exists" in again.json()["message"]
    assert (sims.kling.created, sims.kling.created_for("att_1")) == (1, 1)


def test_query_answers_an_array_when_ids_are_known_or_not(start, connect) -> None:
    client = connect(start())
    client.post(T2V, json=_body())

    def data(**params: str) -> dict:
        return client.get("/tasks", params=params).json()

    assert data(task_ids="1,2") | {"request_id": ""} == {
        "code": 0, "message": "SUCCEED", "request_id": "", "data": [],
    }  # fmt: skip
    assert [row["external_id"] for row in data(external_task_ids="att_1,att_2")["data"]] == [
        "att_1"
    ]
    assert data()["code"] == 1201 and "required" in data()["message"]
    assert data(task_ids="1", external_task_ids="2")["code"] == 1201
    assert data(task_ids=",".join(map(str, range(21))))["code"] == 1201


def test_list_pages_by_cursor_when_there_is_more(start, connect) -> None:
    sims = start(kling={"concurrency": 100})
    client = connect(sims)
    for n in range(5):
        client.post(T2V, json={"prompt": f"p{n}", "options": {"external_task_id": f"att_{n}"}})

    seen, cursor = [], ""
    while True:
        page = client.post("/tasks", json={"limit": 2, "cursor": cursor}).json()["data"]
        assert set(page) == {"result", "count", "next_cursor", "has_more"}
        assert page["count"] == len(page["result"])
        seen += [row["external_id"] for row in page["result"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    done = client.post("/tasks", json={"filters": [{"key": "status", "values": ["succeeded"]}]})

    assert sorted(seen) == [f"att_{n}" for n in range(5)]
    assert done.json()["data"]["result"] == []
    assert client.post("/tasks", json={"limit": 501}).json()["code"] == 1201


def test_sixth_parallel_task_is_refused_when_the_pack_allows_five(start, connect) -> None:
    sims = start()
    client = connect(sims)

    answers = [client.post(T2V, json={"prompt": f"p{n}"}).json() for n in range(6)]
    other_model = client.post("/text-to-video/kling-2.6", json={"prompt": "p"}).json()
    _finish(sims)
    afterwards = client.post(T2V, json={"prompt": "p"}).json()

    assert [answer["code"] for answer in answers] == [0] * 5 + [1303]
    assert answers[5]["message"] == "parallel task over resource pack limit"
    assert (other_model["code"], afterwards["code"]) == (0, 0)


def test_submit_is_refused_when_the_balance_is_spent(start, connect) -> None:
    client = connect(start(kling={"balance_usd": 0.9}))

    codes = [client.post(T2V, json={"prompt": f"p{n}"}) for n in range(3)]

    assert [one.json()["code"] for one in codes] == [0, 0, 1102]
    assert codes[2].status_code == 429


def test_only_delivered_tasks_are_billed_when_one_fails(start, connect) -> None:
    fails = {"match": {"prompt_contains": "storm"}, "on": "finish", "do": {"kind": "fail"}}
    sims = start(rules=[fails])
    client = connect(sims)
    client.post(T2V, json={"prompt": "calm"})
    failed = client.post(T2V, json={"prompt": "a storm"}).json()["data"]["id"]
    assert sims.kling.billed == 0
    _finish(sims)

    [row] = client.get("/tasks", params={"task_ids": failed}).json()["data"]

    assert (sims.kling.created, sims.kling.billed) == (2, 1)
    assert (row["status"], row["outputs"], row["billing"]) == ("failed", [], [])
    assert row["message"]


def _result_url(sims, client, path=T2V, **body) -> str:
    task_id = client.post(path, json={"prompt": "a kite"} | body).json()["data"]["id"]
    _finish(sims)
    [row] = client.get("/tasks", params={"task_ids": task_id}).json()["data"]
    return row["outputs"][0]["url"]


def test_result_plays_without_a_key_when_the_url_is_fresh(start, connect) -> None:
    sims = start()
    url = _result_url(sims, connect(sims))

    response = httpx.get(url)

    assert httpx.URL(url).port != httpx.URL(sims.kling.base_url).port
    assert response.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(response.content)) as container:
        assert container.streams.video[0].frames == 121
        assert not container.streams.audio


def test_cdn_refuses_and_records_when_it_is_sent_the_key(start, connect) -> None:
    sims = start()
    client = connect(sims)
    url = _result_url(sims, client)

    response = client.get(url)

    assert response.status_code == 400
    assert sims.kling.calls["leaked_key"] == 1


def test_result_url_is_refused_when_expired_or_altered(start, connect) -> None:
    sims = start(kling={"url_lifetime_s": 7200})
    url = _result_url(sims, connect(sims))

    altered = httpx.get(url.replace("x-expires=1", "x-expires=2"))
    fresh = httpx.get(url).status_code
    sims.advance(7201)

    assert (altered.status_code, fresh, httpx.get(url).status_code) == (403, 200, 403)


def test_result_is_sent_in_parts_when_a_range_is_asked(start, connect) -> None:
    sims = start()
    url = _result_url(sims, connect(sims))
    whole = httpx.get(url)
    size, tag = len(whole.content), whole.headers["etag"]

    part = httpx.get(url, headers={"Range": "bytes=100-199", "If-Range": tag})
    tail = httpx.get(url, headers={"Range": "bytes=-10"})
    stale = httpx.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'})
    beyond = httpx.get(url, headers={"Range": f"bytes={size}-"})
    head = httpx.head(url)

    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    assert tail.content == whole.content[-10:]
    assert (stale.status_code, stale.content) == (200, whole.content)
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert (head.headers["content-length"], head.content) == (str(size), b"")


def test_watermarked_result_is_offered_when_asked_for(start, connect) -> None:
    sims = start()
    client = connect(sims)
    task = client.post(
        T2V, json={"prompt": "a", "options": {"watermark_info": {"enabled": True}}}
    ).json()["data"]
    _finish(sims)

    [output] = client.get("/tasks", params={"task_ids": task["id"]}).json()["data"][0]["outputs"]

    assert httpx.get(output["watermark_url"]).content != httpx.get(output["url"]).content


def _contents(image: bytes, *more: dict) -> list[dict]:
    encoded = base64.b64encode(image).decode()
    return [{"type": "prompt", "text": "go"}, {"type": "first_frame", "url": encoded}, *more]


def test_image_to_video_takes_the_ratio_of_the_image_when_given_one(start, connect, png) -> None:
    sims = start()

    url = _result_url(sims, connect(sims), I2V, contents=_contents(png(400, 800)))

    with av.open(io.BytesIO(httpx.get(url).content)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (72, 144)


def test_image_is_refused_when_it_is_too_small_or_too_long(start, connect, png) -> None:
    client = connect(start())

    small = client.post(I2V, json={"contents": _contents(png(299, 400))}).json()
    long = client.post(I2V, json={"contents": _contents(png(1000, 300))}).json()
    text = client.post(I2V, json={"contents": _contents(b"hello")}).json()

    assert [one["code"] for one in (small, long, text)] == [1201] * 3
    assert "300px" in small["message"] and "ratio" in long["message"]


def test_last_frame_needs_1080p_when_the_model_says_so(start, connect, png) -> None:
    image = png(400, 300)
    last = {
        "type": "last_frame",
        "url": "data:image/png;base64," + base64.b64encode(image).decode(),
    }
    client = connect(start())

    def post(resolution: str) -> dict:
        body = {"contents": _contents(image, last), "settings": {"resolution": resolution}}
        return client.post("/image-to-video/kling-2.6", json=body).json()

    assert (post("720p")["code"], post("1080p")["code"]) == (1201, 0)


def test_multi_shot_prompt_is_checked_when_its_seconds_do_not_add_up(start, connect) -> None:
    client = connect(start())

    def post(prompt: str, **settings: object) -> int:
        return client.post(T2V, json={"prompt": prompt, "settings": settings}).json()["code"]

    assert post("shot 1, 2, a door; shot 2, 3, a hall;", duration=5) == 0
    assert post("shot 1, 2, a door; shot 2, 2, a hall;", duration=5) == 1201
    assert post("shot 1, 2, a door; shot 2, 2, a hall;", duration=5, multi_shot=False) == 0


def test_image_behind_a_local_url_is_fetched_when_reachable(start, connect) -> None:
    sims = start()
    client = connect(sims)
    contents = [{"type": "first_frame", "url": sims.receiver.base_url + "/none.png"}]
    task_id = client.post(I2V, json={"contents": contents}).json()["data"]["id"]
    _finish(sims)

    [row] = client.get("/tasks", params={"task_ids": task_id}).json()["data"]

    assert (row["status"], row["message"]) == ("failed", "Failed to download the first_frame image")
