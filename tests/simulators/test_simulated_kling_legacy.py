"""The Kling simulator's older generation, field by field, beside the newer one on one host."""

from __future__ import annotations

import base64
import io
import json
import time

import av
import httpx
import jwt
import pytest

T2V, I2V, EXTEND = "/v1/videos/text2video", "/v1/videos/image2video", "/v1/videos/video-extend"
NEWER = "/text-to-video/kling-3.0"
MONTH_S = 30 * 86400
V16 = {"model_name": "kling-v1-6"}


def _body(**more: object) -> dict:
    return {"model_name": "kling-v2-6", "prompt": "a kite", "external_task_id": "att_1"} | more


def _made(sims, client, path: str = T2V, **more: object) -> dict:
    """Return the row of a task that has ended."""
    created = client.post(path, json=_body(**more)).json()
    assert created["code"] == 0, created
    sims.advance(3600)
    return client.get(f"{path}/{created['data']['task_id']}").json()["data"]


def _token(sims, **claims: object) -> str:
    """Return a token as the vendor's documentation makes one, by an independent library."""
    keys, now = sims.kling.credentials, int(time.time())
    known = {"iss": keys["access_key"], "exp": now + 1800, "nbf": now - 5}
    return jwt.encode(known | claims, keys["secret_key"], algorithm="HS256")


def test_create_answers_the_documented_fields_when_accepted(start, connect) -> None:
    sims = start()

    response = connect(sims).post(T2V, json=_body(duration="10", mode="pro", sound="on"))

    document = response.json()
    assert set(document) == {"code", "message", "request_id", "data"}
    data = document["data"]
    assert set(data) == {"task_id", "task_status", "task_info", "created_at", "updated_at"}
    assert (data["task_status"], data["task_info"]) == ("submitted", {"external_task_id": "att_1"})
    assert data["task_id"].isdecimal() and len(data["task_id"]) == 18
    assert data["created_at"] == data["updated_at"] == int(sims.clock.now() * 1000)
    [task] = sims.kling.tasks
    assert (task.video_s, task.resolution, task.audio) == (10, "1080p", True)


def test_row_has_the_documented_fields_when_the_task_succeeded(start, connect) -> None:
    sims = start()

    row = _made(sims, connect(sims), mode="pro", sound="on")

    assert set(row) == {
        "task_id", "task_status", "task_status_msg", "task_info", "task_result", "watermark_info",
        "created_at", "updated_at", "final_unit_deduction", "final_balance_deduction",
    }  # fmt: skip
    assert (row["task_status"], row["task_status_msg"]) == ("succeed", "")
    assert row["updated_at"] > row["created_at"]
    [video] = row["task_result"]["videos"]
    assert set(video) == {"id", "url", "duration"}
    assert video["duration"] == "5.04" and video["id"] != row["task_id"]
    assert row["final_unit_deduction"] == "5"  # 5 s at 0.14 USD, in units of 0.14 USD
    assert set(row["final_balance_deduction"]) == {"quota", "list_price"}
    assert row["watermark_info"] == {"enabled": False}
    with av.open(io.BytesIO(httpx.get(video["url"]).content)) as container:
        assert container.streams.audio


def test_status_goes_through_three_words_when_time_passes(start, connect) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "duration", "seconds": 100}}])
    client = connect(sims)
    task_id = client.post(T2V, json=_body()).json()["data"]["task_id"]

    words = []
    for seconds in (0, 50, 60):
        sims.advance(seconds)
        row = client.get(f"{T2V}/{task_id}").json()["data"]
        words.append((row["task_status"], bool(row["task_result"])))

    assert words == [("submitted", False), ("processing", False), ("succeed", True)]


def test_failure_is_told_in_words_when_moderation_blocks_the_result(start, connect) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "moderation"}}])

    row = _made(sims, connect(sims))

    assert row["task_status"] == "failed"
    assert row["task_status_msg"] == "Failure to pass the risk control system"
    assert (row["task_result"], row["final_unit_deduction"]) == ({}, "0")


@pytest.mark.parametrize(
    ("path", "change", "code", "text"),
    [
        (T2V, {"prompt": ""}, 1201, "prompt: must not be blank"),
        (T2V, {"prompt": "x" * 2501}, 1201, "prompt: size must be between 0 and 2500"),
        (T2V, {"negative_prompt": "x" * 2501}, 1201, "negative_prompt: size must be"),
        (T2V, {"duration": 5}, 1201, "duration value '5' is invalid"),
        (T2V, {"duration": "3"}, 1201, "duration value '3' is invalid"),
        (T2V, {"mode": "720p"}, 1201, "mode value '720p' is invalid"),
        (T2V, {"mode": "4k"}, 1201, "mode value '4k' is invalid"),
        (T2V, {"sound": True}, 1201, "sound value 'True' is invalid"),
        (T2V, {"sound": "on"}, 1201, "mode value 'std' is invalid"),
        (T2V, {"aspect_ratio": "4:3"}, 1201, "aspect_ratio value '4:3' is invalid"),
        (T2V, {"cfg_scale": 2}, 1201, "cfg_scale value '2' is invalid"),
        (T2V, {"callback_url": 5}, 1201, "callback_url value '5' is invalid"),
        (T2V, {"watermark_info": {"enabled": "no"}}, 1201, "watermark_info.enabled"),
        (T2V, {"model_name": "kling-2.6"}, 1201, "model_name value 'kling-2.6' is invalid"),
        (T2V, {"model_name": "kling-v1"}, 1201, "kling-v1 has been discontinued"),
        (T2V, {"model_name": None}, 1201, "kling-v1 has been discontinued"),
        (I2V, {}, 1201, "at least one of image and image_tail"),
        (I2V, {"image": "%%"}, 1201, "image: is neither a URL nor Base64"),
        (I2V, {"image": "data:image/png;base64,iVBORw0K"}, 1201, "must not have a prefix"),
        (EXTEND, {}, 1201, "video_id: must not be blank"),
        (EXTEND, {"video_id": "7"}, 1201, "video_id value '7' does not exist"),
        ("/v1/videos/lip-sync", {}, 1202, "method"),
    ],
)
def test_request_is_refused_naming_the_field_when_it_is_invalid(
    start, connect, path, change, code, text
) -> None:
    sims = start()

    response = connect(sims).post(path, json=_body(**change))

    assert (response.json()["code"], response.status_code) == (code, 404 if code == 1202 else 400)
    assert text in response.json()["message"]
    assert sims.kling.created == 0


@pytest.mark.parametrize("junk", [b"{", b"[]", b'"text"'])
def test_request_is_refused_when_it_is_no_json_object(start, connect, junk) -> None:
    assert connect(start()).post(T2V, content=junk).json()["code"] == 1200


def test_unknown_keys_are_ignored_when_sent(start, connect) -> None:
    body = _body(settings={"resolution": "9000p"}, camera_control={"type": "simple"})

    assert connect(start()).post(T2V, json=body).json()["code"] == 0


class TestAuth:
    def test_token_opens_the_older_paths_only_when_it_is_good(self, start, connect) -> None:
        sims = start()
        client = connect(sims, Authorization=f"Bearer {_token(sims)}")

        created = client.post(T2V, json=_body()).json()
        newer = client.post(NEWER, json={"prompt": "a kite"})
        query = client.get("/tasks", params={"task_ids": created["data"]["task_id"]})

        assert created["code"] == 0
        assert client.get(f"{T2V}/att_1").json()["code"] == 0
        for answer in (newer, query):
            assert (answer.status_code, answer.json()["code"]) == (401, 1002)
            assert "does not support AK/SK" in answer.json()["message"]

    def test_api_key_opens_both_generations_when_it_is_right(self, start, connect) -> None:
        client = connect(start())

        assert client.post(T2V, json=_body()).json()["code"] == 0
        assert client.post(NEWER, json={"prompt": "a kite"}).json()["code"] == 0

    @pytest.mark.parametrize(
        ("claims", "code"),
        [
            ({"iss": "somebody"}, 1002),
            ({"nbf": 4102444800}, 1003),
            ({"exp": 1600000000}, 1004),
            ({"exp": "soon"}, 1002),
        ],
    )
    def test_token_is_refused_with_the_code_when_its_claims_are_bad(
        self, start, connect, claims, code
    ) -> None:
        sims = start()
        client = connect(sims, Authorization=f"Bearer {_token(sims, **claims)}")

        answer = client.post(T2V, json=_body())

        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert sims.kling.created == 0

    @pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer a.b.c", "Basic abc"])
    def test_header_is_refused_when_it_holds_no_token(self, start, connect, header) -> None:
        client = connect(start(), Authorization=header)

        assert client.post(T2V, json=_body()).json()["code"] == (1002 if header else 1001)

    def test_token_is_refused_when_another_key_signed_it(self, start, connect) -> None:
        sims = start()
        head, body, _ = _token(sims).split(".")
        stranger = jwt.encode({"iss": "a"}, "another-key-0123456789abcdef0123456789").split(".")[2]

        client = connect(sims, Authorization=f"Bearer {head}.{body}.{stranger}")

        assert client.post(T2V, json=_body()).json()["code"] == 1002


class TestQueries:
    def test_task_is_found_by_either_id_when_its_product_is_asked(self, start, connect) -> None:
        client = connect(start())
        task_id = client.post(T2V, json=_body()).json()["data"]["task_id"]

        found = [client.get(f"{T2V}/{one}").json()["data"]["task_id"] for one in (task_id, "att_1")]
        elsewhere = client.get(f"{I2V}/{task_id}")
        nothing = client.get(f"{T2V}/att_2")

        assert found == [task_id, task_id]
        for answer in (elsewhere, nothing):
            assert (answer.status_code, answer.json()["code"]) == (400, 1201)
            assert "not found" in answer.json()["message"]

    def test_older_tasks_are_shown_by_the_newer_queries_when_asked(self, start, connect) -> None:
        sims = start()
        client = connect(sims)
        made = _made(sims, client)

        [row] = client.get("/tasks", params={"external_task_ids": "att_1"}).json()["data"]
        listed = client.post("/tasks", json={}).json()["data"]["result"]

        assert (row["id"], row["status"]) == (made["task_id"], "succeeded")
        assert row["outputs"][0]["id"] == made["task_result"]["videos"][0]["id"]
        assert listed == [row]

    def test_newer_tasks_are_not_shown_by_the_older_queries_when_asked(
        self, start, connect
    ) -> None:
        client = connect(start())
        task_id = client.post(NEWER, json={"prompt": "a kite"}).json()["data"]["id"]

        assert client.get(f"{T2V}/{task_id}").json()["code"] == 1201
        assert client.get(T2V).json()["data"] == []

    def test_list_is_paged_newest_first_when_there_is_more(self, start, connect) -> None:
        client = connect(start())
        for n in range(3):
            client.post(T2V, json=_body(external_task_id=f"att_{n}"))

        def page(**params: object) -> list[str]:
            rows = client.get(T2V, params=params).json()["data"]
            return [row["task_info"]["external_task_id"] for row in rows]

        assert page() == ["att_2", "att_1", "att_0"]
        assert page(pageNum=2, pageSize=2) == ["att_0"]
        assert client.get(I2V).json()["data"] == []
        for bad in ({"pageNum": 0}, {"pageSize": 501}, {"pageNum": "x"}):
            assert client.get(T2V, params=bad).json()["code"] == 1201

    def test_faults_work_when_a_rule_asks_for_them(self, start, connect) -> None:
        rules = [
            {"on": "poll", "do": {"kind": "unknown_status", "word": "reviewing"}},
            {"on": "lookup", "do": {"kind": "missing"}},
        ]
        client = connect(start(rules=rules))
        task_id = client.post(T2V, json=_body()).json()["data"]["task_id"]

        assert client.get(f"{T2V}/{task_id}").json()["data"]["task_status"] == "reviewing"
        assert client.get(f"{T2V}/att_1").json()["code"] == 1201
        assert client.get(f"{T2V}/att_1").json()["code"] == 0

    def test_external_id_is_unique_over_both_generations_when_repeated(
        self, start, connect
    ) -> None:
        sims = start()
        client = connect(sims)
        client.post(T2V, json=_body())

        again = client.post(T2V, json=_body())
        newer = {"prompt": "a", "options": {"external_task_id": "att_1"}}

        assert "already exists" in again.json()["message"]
        assert client.post(NEWER, json=newer).json()["code"] == 1201
        assert sims.kling.created == 1


class TestImages:
    def test_image_decides_the_ratio_when_it_is_plain_base64(self, start, connect, png) -> None:
        sims = start()
        image = base64.b64encode(png(400, 800)).decode()

        row = _made(sims, connect(sims), I2V, image=image)

        url = row["task_result"]["videos"][0]["url"]
        with av.open(io.BytesIO(httpx.get(url).content)) as container:
            video = container.streams.video[0]
            assert (video.width, video.height) == (72, 144)

    def test_last_frame_needs_pro_when_the_model_says_so(self, start, connect, png) -> None:
        image = base64.b64encode(png(400, 300)).decode()
        client = connect(start())

        def post(mode: str) -> int:
            body = _body(image=image, image_tail=image, mode=mode)
            return client.post(I2V, json=body).json()["code"]

        assert (post("std"), post("pro")) == (1201, 0)

    def test_image_is_refused_when_it_is_too_small(self, start, connect, png) -> None:
        image = base64.b64encode(png(299, 400)).decode()

        answer = connect(start()).post(I2V, json=_body(image=image)).json()

        assert answer["code"] == 1201 and answer["message"].startswith("image: ")


class TestExtending:
    def _extend(self, sims, client, parent: dict, **more: object) -> dict:
        video_id = parent["task_result"]["videos"][0]["id"]
        body = {"video_id": video_id, "external_task_id": "att_2"} | more
        created = client.post(EXTEND, json=body).json()
        if created["code"] == 0:
            sims.advance(3600)
            return client.get(f"{EXTEND}/{created['data']['task_id']}").json()["data"]
        return created

    def test_result_holds_both_when_a_video_is_extended(self, start, connect) -> None:
        sims = start()
        client = connect(sims)
        parent = _made(sims, client, **V16)

        row = self._extend(sims, client, parent, prompt="then it rains", negative_prompt="sun")

        assert set(row["task_info"]) == {"parent_video", "external_task_id"}
        assert row["task_info"]["parent_video"]["id"] == parent["task_result"]["videos"][0]["id"]
        assert set(row["task_info"]["parent_video"]) == {"id", "url", "duration"}
        assert row["task_result"]["videos"][0]["duration"] == "10.04"
        assert row["final_unit_deduction"] == parent["final_unit_deduction"] == "2"
        assert client.get(f"{T2V}/att_2").json()["code"] == 1201

    def test_extension_can_be_extended_when_it_is_done(self, start, connect) -> None:
        sims = start()
        client = connect(sims)
        second = self._extend(sims, client, _made(sims, client, **V16))

        third = self._extend(sims, client, second, external_task_id="att_3")

        assert third["task_result"]["videos"][0]["duration"] == "15.04"

    def test_video_is_refused_when_it_is_too_old_or_too_long(self, start, connect) -> None:
        sims = start(kling={"concurrency": 100})
        client = connect(sims)
        parent = _made(sims, client, **V16)
        sims.kling.store.get(parent["task_id"]).video_s = 176
        assert "3 minutes" in self._extend(sims, client, parent)["message"]
        sims.kling.store.get(parent["task_id"]).video_s = 175
        sims.advance(MONTH_S)

        assert "expired" in self._extend(sims, client, parent)["message"]

    def test_video_is_refused_when_its_model_cannot_be_extended(self, start, connect) -> None:
        sims = start()
        client = connect(sims)
        parent = _made(sims, client)

        assert "kling-v2-6 are not supported" in self._extend(sims, client, parent)["message"]

    def test_video_is_refused_when_its_task_has_failed_or_still_runs(self, start, connect) -> None:
        sims = start()
        client = connect(sims)
        task_id = client.post(T2V, json=_body(**V16)).json()["data"]["task_id"]
        video_id = sims.kling.video_id(sims.kling.store.get(task_id))

        answer = client.post(EXTEND, json={"video_id": video_id}).json()

        assert "does not exist" in answer["message"]


class TestCallbacks:
    def _run(self, sims, client) -> list[dict]:
        url = sims.receiver.base_url + "/callbacks/kling"
        assert client.post(T2V, json=_body(callback_url=url)).json()["code"] == 0
        sims.kling.callbacks.settle()
        sims.advance(3600)
        return [json.loads(one.body) for one in sims.receiver.webhooks]

    def test_bare_rows_are_sent_when_the_status_changes(self, start, connect) -> None:
        sims = start()
        sims.receiver.use_secret(sims.kling.credentials["webhook_secret"])

        bodies = self._run(sims, connect(sims))

        assert [body["task_status"] for body in bodies] == ["submitted", "processing", "succeed"]
        assert all(one.verified for one in sims.receiver.webhooks)
        assert set(bodies[-1]) == {
            "task_id", "task_status", "task_status_msg", "task_info", "task_result", "created_at",
            "updated_at", "final_unit_deduction", "final_balance_deduction",
        }  # fmt: skip
        assert bodies[-1]["task_info"] == {"external_task_id": "att_1"}

    def test_forged_row_has_the_older_shape_when_a_rule_asks_for_one(self, start, connect) -> None:
        sims = start(rules=[{"on": "callback", "do": {"kind": "forged"}}])
        sims.receiver.use_secret(sims.kling.credentials["webhook_secret"])

        self._run(sims, connect(sims))

        [forged] = [one for one in sims.receiver.webhooks if not one.verified]
        [video] = json.loads(forged.body)["task_result"]["videos"]
        assert video["url"] == "http://192.0.2.1/forged.mp4"
