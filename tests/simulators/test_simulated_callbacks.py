"""Kling's callbacks: one for every status change, signed, and what a scenario does to them."""

from __future__ import annotations

import json

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from local.simulators.callbacks import signature
from local.simulators.receiver import Answer

T2V = "/text-to-video/kling-3.0"


def _run(sims, client, seconds: float = 3600) -> None:
    callback = sims.receiver.base_url + "/callbacks/kling"
    body = {"prompt": "a kite", "options": {"callback_url": callback, "external_task_id": "att_1"}}
    assert client.post(T2V, json=body).json()["code"] == 0
    sims.kling.callbacks.settle()
    sims.advance(seconds)


def _received(sims) -> list[tuple[str, bool | None]]:
    return [(json.loads(one.body)["status"], one.verified) for one in sims.receiver.webhooks]


@pytest.fixture
def sims_with(start, connect):
    def begin(*rules: dict, **scenario):
        sims = start(
            rules=[{"vendor": "kling", "on": "callback", "do": rule} for rule in rules], **scenario
        )
        sims.receiver.use_secret(sims.kling.credentials["webhook_secret"])
        return sims, connect(sims)

    return begin


def test_signature_equals_the_vendors_when_given_its_test_vector() -> None:
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"",'
        b'"create_time":1781080778802,"update_time":1781080794151}'
    )
    secret = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="

    signed = signature(secret, "9876543210", 1781080794, body)

    assert signed == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="


def test_callback_is_sent_for_every_status_change_when_a_task_runs(sims_with) -> None:
    sims, client = sims_with()

    _run(sims, client)

    assert _received(sims) == [("submitted", True), ("processing", True), ("succeeded", True)]
    last = sims.receiver.webhooks[-1]
    row = client.get("/tasks", params={"external_task_ids": "att_1"}).json()["data"][0]
    assert json.loads(last.body) == row
    assert {name for name in last.headers if name.startswith("webhook-")} == {
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    assert [sent.answer for sent in sims.kling.store.callbacks()] == [204, 204, 204]


def test_public_verifier_accepts_the_callback_when_it_is_fresh(sims_with) -> None:
    sims, client = sims_with()
    _run(sims, client, seconds=0)
    [received] = sims.receiver.webhooks

    verifier = Webhook(sims.kling.credentials["webhook_secret"])

    assert verifier.verify(received.body, received.headers)["external_id"] == "att_1"


def test_callback_waits_for_its_time_when_the_task_still_runs(sims_with) -> None:
    sims, client = sims_with()

    _run(sims, client, seconds=0)

    assert _received(sims) == [("submitted", True)]


def test_no_callback_is_sent_when_the_scenario_says_never(sims_with) -> None:
    sims, client = sims_with({"kind": "never"})

    _run(sims, client)

    assert _received(sims) == []


def test_only_the_last_is_missing_when_never_names_a_status(sims_with) -> None:
    sims, client = sims_with({"kind": "never", "status": "succeeded"})

    _run(sims, client)

    assert [status for status, _ in _received(sims)] == ["submitted", "processing"]


def test_callback_comes_later_when_it_is_late(sims_with) -> None:
    sims, client = sims_with({"kind": "late", "seconds": 5000, "status": "succeeded"})

    _run(sims, client)
    before = len(_received(sims))
    sims.advance(5000)

    assert (before, len(_received(sims))) == (2, 3)


def test_callback_repeats_under_one_id_when_duplicated(sims_with) -> None:
    sims, client = sims_with({"kind": "duplicate", "count": 2, "status": "succeeded"})

    _run(sims, client)

    ids = [one.headers["webhook-id"] for one in sims.receiver.webhooks]
    assert len(ids) == 5
    assert len(set(ids)) == 3 and len(set(ids[-3:])) == 1


def test_callback_has_no_signature_when_unsigned(sims_with) -> None:
    sims, client = sims_with({"kind": "unsigned"})

    _run(sims, client)

    assert [verified for _, verified in _received(sims)] == [False] * 3
    assert not any("webhook-signature" in one.headers for one in sims.receiver.webhooks)


def test_forged_callback_fails_verification_when_a_stranger_sends_one(sims_with) -> None:
    sims, client = sims_with({"kind": "forged", "after_s": 1})

    _run(sims, client)

    assert ("succeeded", False) in _received(sims)
    assert [status for status, verified in _received(sims) if verified] == [
        "submitted",
        "processing",
        "succeeded",
    ]
    assert [one.kind for one in sims.kling.store.callbacks()].count("forged") == 1


def test_no_callback_is_signed_when_the_account_has_no_secret(sims_with) -> None:
    sims, client = sims_with(kling={"signs_callbacks": False})

    _run(sims, client)

    assert [verified for _, verified in _received(sims)] == [False] * 3


def test_receiver_answers_as_scripted_when_webhooks_arrive(start) -> None:
    sims = start()
    sims.receiver.script(Answer(status=500, times=2), Answer(status=302, location="/x"))

    url = sims.receiver.base_url + "/hook"
    answers = [httpx.post(url, content=b"{}").status_code for _ in range(4)]

    assert answers == [500, 500, 302, 204]
    assert [one.answered for one in sims.receiver.webhooks] == answers


def test_receiver_is_driven_over_http_when_in_another_process(start) -> None:
    sims = start()
    base = sims.receiver.base_url
    httpx.post(base + "/_receiver/secret", json={"secret": "whsec_" + "c2VjcmV0" * 4})
    httpx.post(base + "/_receiver/script", json=[{"status": 410, "path_contains": "/gone"}])
    bad = httpx.post(base + "/_receiver/script", json=[{"state": 1}])

    statuses = [httpx.post(base + path, content=b"hi").status_code for path in ("/here", "/gone")]
    report = httpx.get(base + "/_receiver/webhooks").json()

    assert (statuses, bad.status_code) == ([204, 410], 422)
    assert [(one["path"], one["body"], one["verified"]) for one in report["webhooks"]] == [
        ("/here", "hi", False),
        ("/gone", "hi", False),
    ]
