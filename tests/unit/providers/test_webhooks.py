"""Signatures of callbacks: the vendor's own test vector, and every way to get them wrong."""

from __future__ import annotations

import datetime as dt

import pytest
from provider_cases import FrozenClock, attempt, build

from dailies.domain.errors import ConfigurationError
from dailies.domain.outcomes import CallbackHint
from dailies.domain.ports import CallsBack
from dailies.providers._webhooks import signed

# Kling's published test vector: https://kling.ai/document-api
SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"",'
    b'"create_time":1781080778802,"update_time":1781080794151}'
)
GOOD = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
HEADERS = {
    "webhook-id": "9876543210",
    "webhook-timestamp": "1781080794",
    "webhook-signature": GOOD,
}
SENT_AT = dt.datetime.fromtimestamp(1781080794, dt.UTC)


def check(
    headers: dict[str, str] | None = None,
    body: bytes = BODY,
    secret: str = SECRET,
    late_s: float = 0,
) -> bool:
    now = SENT_AT + dt.timedelta(seconds=late_s)
    return signed(secret, HEADERS | (headers or {}), body, now=now, vendor="kling")


def test_signature_holds_when_it_is_the_vendors_own_example() -> None:
    assert check()
    assert check(secret=SECRET.removeprefix("whsec_").rstrip("="))


@pytest.mark.parametrize("late_s", [-300, 300])
def test_signature_holds_when_it_is_five_minutes_off(late_s: float) -> None:
    assert check(late_s=late_s)


@pytest.mark.parametrize("late_s", [-301, 301])
def test_signature_fails_when_it_is_older_or_newer_than_that(late_s: float) -> None:
    assert not check(late_s=late_s)


@pytest.mark.parametrize(
    "signature",
    [f"v1,AAAA {GOOD}", f"{GOOD} v1,AAAA", f"v2,x {GOOD}", f"nonsense {GOOD}", f" {GOOD} "],
)
def test_signature_holds_when_one_of_several_is_right(signature: str) -> None:
    assert check({"webhook-signature": signature})


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": GOOD.removeprefix("v1,")},
        {"webhook-signature": GOOD.replace("v1", "v2")},
        {"webhook-signature": "v1,é"},
        {"webhook-id": "other"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1781080795"},
        {"webhook-timestamp": "1781080794.0"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 40},
        {"webhook-timestamp": "١٢٣"},
    ],
)
def test_signature_fails_when_a_header_is_wrong(headers: dict[str, str]) -> None:
    assert not check(headers)


@pytest.mark.parametrize("body", [b"", BODY + b" ", b"\xff\xfe"])
def test_signature_fails_when_the_body_is_another(body: bytes) -> None:
    assert not check(body=body)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!", "whsec_a"])
def test_secret_is_refused_unquoted_when_it_is_not_base64(secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(secret=secret)
    assert str(caught.value) == "The secret providers/kling has an unusable webhook_secret."


def kling(secret: str) -> CallsBack:
    wanted = {"api_key": "k", "webhook_secret": secret}
    provider, _ = build("kling", [], clock=FrozenClock(at=SENT_AT), secret=wanted)
    assert isinstance(provider, CallsBack)
    return provider


def test_callback_is_believed_when_its_signature_is_right() -> None:
    assert kling(SECRET).callback(attempt(), HEADERS, BODY) == CallbackHint(terminal=True)


def test_callback_is_ignored_when_it_is_unsigned_and_a_secret_is_set() -> None:
    assert kling(SECRET).callback(attempt(), {}, BODY) is None
    assert kling("").callback(attempt(), {}, BODY) == CallbackHint(terminal=True)
