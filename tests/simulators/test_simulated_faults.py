"""Every fault of a scenario does what it says, at both vendors where both have it."""

from __future__ import annotations

import time

import httpx
import pytest
from pydantic import ValidationError

from local.simulators import Scenario

T2V = "/text-to-video/kling-3.0-turbo"
VEO = (
    "/v1/projects/dailies-simulated/locations/us-central1/publishers/google/models"
    "/veo-3.1-lite-generate-001:predictLongRunning"
)


def _rule(
    on: str, kind: str, *, times: int | None = 1, match: dict | None = None, **do: object
) -> dict:
    return {"on": on, "times": times, "match": match or {}, "do": {"kind": kind} | do}


def _submit(client: httpx.Client, prompt: str = "a kite", external_id: str = "") -> httpx.Response:
    return client.post(T2V, json={"prompt": prompt, "options": {"external_task_id": external_id}})


def _lookup(client: httpx.Client, external_id: str) -> list[dict]:
    return client.get("/tasks", params={"external_task_ids": external_id}).json()["data"]


def _submit_veo(sims, **headers: str) -> httpx.Response:
    key = {"Authorization": f"Bearer {sims.google.credentials['access_token']}"}
    body = {"instances": [{"prompt": "a"}], "parameters": {"storageUri": "gs://b/att_1/"}}
    return httpx.post(sims.google.base_url + VEO, json=body, headers=key | headers)


def _result_url(sims, client: httpx.Client) -> str:
    _submit(client, external_id="att_result")
    sims.advance(3600)
    return _lookup(client, "att_result")[0]["outputs"][0]["url"]


@pytest.mark.parametrize(("code", "on"), [(1302, "submit"), (1303, "submit"), (None, "submit")])
def test_submit_is_throttled_and_creates_nothing_when_told(start, connect, code, on) -> None:
    sims = start(rules=[_rule(on, "throttle", code=code, retry_after_s=3, times=2)])
    client = connect(sims)

    answers = [_submit(client) for _ in range(3)]

    assert [one.status_code for one in answers] == [429, 429, 200]
    assert answers[0].json()["code"] == (code or 1303)
    assert answers[0].headers["retry-after"] == "3"
    assert (sims.kling.created, sims.kling.calls["submit_refused"]) == (1, 2)


@pytest.mark.parametrize(
    ("when", "created"),
    [("before", 0), ("after", 1)],
)
@pytest.mark.parametrize(("status", "code"), [(500, 5000), (503, 5001), (504, 5002)])
def test_server_error_leaves_a_task_only_when_it_comes_after_acceptance(
    start, connect, when, created, status, code
) -> None:
    sims = start(rules=[_rule("submit", "http_error", status=status, when=when)])
    client = connect(sims)

    response = _submit(client, external_id="att_1")

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert sims.kling.created == created
    assert len(_lookup(client, "att_1")) == created


@pytest.mark.parametrize(("when", "created"), [("before", 0), ("after", 1)])
def test_connection_is_dropped_without_an_answer_when_told(start, connect, when, created) -> None:
    rules = [_rule("submit", "drop", when=when), _rule("submit", "drop", when=when)]
    sims = start(rules=rules)

    with pytest.raises(httpx.RemoteProtocolError):
        _submit(connect(sims))
    with pytest.raises(httpx.RemoteProtocolError):
        _submit_veo(sims)

    assert (sims.kling.created, sims.google.created) == (created, created)


@pytest.mark.parametrize(("when", "created"), [("before", 0), ("after", 1)])
def test_caller_waits_in_vain_when_the_vendor_hangs(start, connect, when, created) -> None:
    sims = start(rules=[_rule("submit", "hang", seconds=60, when=when)])
    client = connect(sims)

    with pytest.raises(httpx.ReadTimeout):
        client.post(T2V, json={"prompt": "a"}, timeout=0.2)

    assert sims.kling.created == created


def test_hanging_call_is_answered_when_its_seconds_are_over(start, connect) -> None:
    sims = start(manual=False, rules=[_rule("submit", "hang", seconds=0.3)])
    began = time.monotonic()

    response = _submit(connect(sims))

    assert response.status_code == 200
    assert time.monotonic() - began >= 0.3


def test_content_is_refused_when_moderated_before_acceptance(start, connect) -> None:
    sims = start(rules=[_rule("submit", "moderation", when="before")])

    response = _submit(connect(sims))

    assert (response.status_code, response.json()["code"]) == (400, 1301)
    assert sims.kling.created == 0


@pytest.mark.parametrize("on", ["submit", "finish"])
def test_task_ends_by_risk_control_when_moderated_after_acceptance(start, connect, on) -> None:
    sims = start(rules=[_rule(on, "moderation", when="after")])
    client = connect(sims)
    _submit(client, external_id="att_1")
    sims.advance(3600)

    [row] = _lookup(client, "att_1")

    assert (row["status"], row["message"]) == ("failed", "Failure to pass the risk control system")
    assert (sims.kling.created, sims.kling.billed) == (1, 0)


def test_strange_status_is_reported_when_told_and_goes_away(start, connect) -> None:
    sims = start(rules=[_rule("poll", "unknown_status", word="paused", times=2)])
    client = connect(sims)
    task_id = _submit(client).json()["data"]["id"]

    words = [
        client.get("/tasks", params={"task_ids": task_id}).json()["data"][0]["status"]
        for _ in range(3)
    ]

    assert words == ["paused", "paused", "submitted"]


def test_task_is_absent_when_a_lookup_misses_it(start, connect) -> None:
    sims = start(rules=[_rule("lookup", "missing")])
    client = connect(sims)
    _submit(client, external_id="att_1")

    assert (_lookup(client, "att_1"), len(_lookup(client, "att_1"))) == ([], 1)


@pytest.mark.parametrize("on", ["poll", "lookup"])
def test_query_is_throttled_when_told(start, connect, on) -> None:
    sims = start(rules=[_rule(on, "throttle")])
    name = "task_ids" if on == "poll" else "external_task_ids"

    response = connect(sims).get("/tasks", params={name: "1"})

    assert (response.status_code, response.json()["code"]) == (429, 1302)


def test_result_is_refused_when_its_url_expires(start, connect) -> None:
    sims = start(rules=[_rule("download", "expire_url")])
    url = _result_url(sims, connect(sims))

    assert [httpx.get(url).status_code for _ in range(2)] == [403, 200]


def test_download_breaks_off_and_resumes_when_truncated(start, connect) -> None:
    sims = start(rules=[_rule("download", "truncate", after_bytes=1000)])
    url = _result_url(sims, connect(sims))
    received = b""

    with pytest.raises(httpx.RemoteProtocolError), httpx.stream("GET", url) as response:
        for chunk in response.iter_raw():
            received += chunk
    validator = {"Range": f"bytes={len(received)}-", "If-Range": response.headers["etag"]}
    rest = httpx.get(url, headers=validator)

    assert (len(received), rest.status_code) == (1000, 206)
    assert received + rest.content == httpx.get(url).content


def test_download_takes_its_time_when_slow(start, connect) -> None:
    sims = start(rules=[_rule("finish", "duration", seconds=0)], manual=False)
    client = connect(sims)
    _submit(client, external_id="att_1")
    url = _lookup(client, "att_1")[0]["outputs"][0]["url"]
    size = len(httpx.get(url).content)
    rule = _rule("download", "slow", bytes_per_s=size * 3)
    httpx.post(sims.kling.base_url + "/_simulator/scenario", json={"rules": [rule]})
    began = time.monotonic()

    content = httpx.get(url).content

    assert len(content) == size
    assert 0.2 < time.monotonic() - began < 2


def test_range_is_ignored_when_the_vendor_knows_none(start, connect) -> None:
    sims = start(rules=[_rule("download", "no_range")])
    url = _result_url(sims, connect(sims))

    response = httpx.get(url, headers={"Range": "bytes=0-9"})

    assert response.status_code == 200
    assert "accept-ranges" not in response.headers and len(response.content) > 10


def test_if_range_restarts_when_the_content_changes(start, connect) -> None:
    sims = start(rules=[_rule("download", "change_content", match={"nth": 2})])
    url = _result_url(sims, connect(sims))
    first = httpx.get(url)

    headers = {"Range": "bytes=100-", "If-Range": first.headers["etag"]}
    second = httpx.get(url, headers=headers)

    assert (second.status_code, second.headers["etag"] != first.headers["etag"]) == (200, True)
    assert second.content != first.content


def test_web_page_comes_instead_of_the_video_when_told(start, connect) -> None:
    sims = start(rules=[_rule("download", "wrong_content")])

    response = httpx.get(_result_url(sims, connect(sims)))

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.content.startswith(b"<!doctype html>")


def test_token_endpoint_fails_when_told(start) -> None:
    sims = start(rules=[_rule("token", "http_error", status=503)])

    answers = [httpx.post(sims.google.base_url + "/token", data={"grant_type": "x"}) for _ in "ab"]

    assert [one.status_code for one in answers] == [503, 400]
    assert answers[1].json()["error"] == "unsupported_grant_type"


def test_rule_applies_only_where_it_matches_when_it_names_things(start, connect) -> None:
    throttled = {"vendor": "kling", "match": {"prompt_contains": "storm", "nth": 2}}
    rule = _rule("submit", "throttle") | throttled
    sims = start(rules=[rule])
    client = connect(sims)

    prompts = ["storm 1", "calm", "storm 2", "storm 3"]

    assert [_submit(client, prompt).status_code for prompt in prompts] == [200, 200, 429, 200]
    assert _submit_veo(sims).status_code == 200


def test_rule_for_one_attempt_applies_to_it_when_found_by_its_id(start, connect) -> None:
    rules = [_rule("finish", "fail", match={"external_id": "att_2"}, message="no", times=None)]
    sims = start(rules=rules)
    client = connect(sims)
    for name in ("att_1", "att_2"):
        _submit(client, external_id=name)
    sims.advance(3600)

    states = [_lookup(client, name)[0]["status"] for name in ("att_1", "att_2")]

    assert states == ["succeeded", "failed"]


@pytest.mark.parametrize(
    "rule",
    [
        _rule("submit", "truncate", after_bytes=1),
        _rule("callback", "throttle"),
        _rule("submit", "explode"),
        _rule("submit", "hang"),
    ],
)
def test_scenario_is_refused_when_a_fault_does_not_fit(rule) -> None:
    with pytest.raises(ValidationError):
        Scenario.model_validate({"rules": [rule]})


def test_simulator_tells_what_happened_when_asked_over_http(start, connect) -> None:
    sims = start(rules=[_rule("submit", "throttle")])
    client = connect(sims)
    _submit(client, external_id="att_1")
    _submit(client, external_id="att_1")
    _submit(client, external_id="att_1")
    _lookup(client, "att_1")

    tasks = httpx.get(sims.kling.base_url + "/_simulator/tasks").json()
    requests = httpx.get(sims.kling.base_url + "/_simulator/requests").json()

    assert (tasks["created"], tasks["billed"], tasks["by_external_id"]) == (1, 0, {"att_1": 1})
    assert (tasks["tasks"][0]["status"], tasks["tasks"][0]["attempt"]) == ("submitted", 1)
    assert requests["calls"] == {"submit": 3, "submit_refused": 2, "lookup": 1}
    assert requests["endpoints"] == {f"POST {T2V}": 3, "GET /tasks": 1}


def test_everything_is_forgotten_when_reset(start, connect) -> None:
    sims = start()
    client = connect(sims)
    _submit(client, external_id="att_1")

    assert httpx.post(sims.kling.base_url + "/_simulator/reset").status_code == 200

    assert (sims.kling.created, sims.kling.calls) == (0, {})
    assert _submit(client, external_id="att_1").status_code == 200


def test_bad_scenario_is_refused_when_posted(start) -> None:
    sims = start()

    response = httpx.post(sims.kling.base_url + "/_simulator/scenario", json={"rules": [{}]})

    assert response.status_code == 422
    assert sims.director.scenario == Scenario()


def test_tasks_survive_when_a_snapshot_is_restored(start, connect) -> None:
    first, second = start(), start()
    client = connect(first)
    _submit(client, external_id="att_1")

    second.kling.store.restore(first.kling.store.snapshot())

    assert second.kling.created_for("att_1") == 1
    assert [row["external_id"] for row in _lookup(connect(second), "att_1")] == ["att_1"]


def test_durations_follow_the_catalogue_when_drawn(start, connect) -> None:
    sims = start(kling={"concurrency": 1000})
    client = connect(sims)
    for n in range(40):
        _submit(client, f"p{n}")
    [latency] = [m.latency_s for m in sims.kling.spec.models if m.id == "kling-3.0-turbo"]

    drawn = sorted(task.duration_s for task in sims.kling.tasks)

    assert latency.q02 <= drawn[0] and drawn[-1] <= 2 * latency.p95
    assert 0.5 * latency.p50 < drawn[20] < 2 * latency.p50


def test_scene_and_attempt_are_numbered_when_prompts_repeat(start, connect) -> None:
    sims = start()
    client = connect(sims)
    for prompt in ("one", "two", "one"):
        _submit(client, prompt)

    assert [(task.scene, task.attempt) for task in sims.kling.tasks] == [(1, 1), (2, 1), (1, 2)]


def test_stored_object_breaks_off_when_truncated(start) -> None:
    sims = start(rules=[_rule("download", "truncate", after_bytes=500)])
    key = {"Authorization": f"Bearer {sims.google.credentials['access_token']}"}
    _submit_veo(sims)
    sims.advance(3600)
    storage = sims.google.files_url + "/storage/v1/b/b/o"
    [item] = httpx.get(storage, params={"prefix": "att_1/"}, headers=key).json()["items"]

    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(item["mediaLink"], headers=key)

    assert len(httpx.get(item["mediaLink"], headers=key).content) == int(item["size"])
    assert sims.google.calls["download"] == 2
