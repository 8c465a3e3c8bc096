"""Kling's credentials: which of them opens which generation, judged by an independent library."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from provider_cases import NOW, FrozenClock, attempt, build, request_for

from dailies.domain.errors import (
    ConfigurationError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dailies.domain.outcomes import Handle
from dailies.providers._kling_keys import KlingKeys

PAIR = {
    "access_key": "access-key-0123456789",
    "secret_key": "secret-key-0123456789abcdef0123456789",
}
CREATED = {"status": 200, "json": {"code": 0, "data": {"task_id": "7", "id": "7"}}}
OLDER = Handle(
    vendor="kling", data={"generation": "legacy", "product": "text2video", "task_id": "7"}
)
NEWER = Handle(vendor="kling", data={"generation": "path-per-model", "task_id": "7"})


def older_request() -> Any:
    return request_for("kling", "text_to_video", {"model": "kling-v2-6"})


def decoded(header: str) -> dict[str, Any]:
    """Return a token's claims as PyJWT reads them, which checks signature and times."""
    token = header.removeprefix("Bearer ")
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    ignored = {"verify_exp": False, "verify_nbf": False}  # the clock here is frozen
    return jwt.decode(token, PAIR["secret_key"], algorithms=["HS256"], options=ignored)


def test_token_is_what_the_vendor_documents_when_there_is_no_api_key() -> None:
    provider, wire = build("kling", [CREATED], secret=PAIR)

    provider.submit(older_request(), attempt())

    at = int(NOW.timestamp())
    assert decoded(wire.asked[0].headers["authorization"]) == {
        "iss": PAIR["access_key"],
        "exp": at + 1800,
        "nbf": at - 5,
    }


def test_token_is_made_anew_when_time_has_passed() -> None:
    clock = FrozenClock()
    provider, wire = build("kling", [CREATED, CREATED], clock=clock, secret=PAIR)

    provider.poll(OLDER)
    clock.advance(1700)
    provider.poll(OLDER)

    first, second = (decoded(asked.headers["authorization"])["exp"] for asked in wire.asked)
    assert second - first == 1700


def test_token_is_refused_by_the_oracle_when_the_secret_key_is_another() -> None:
    provider, wire = build("kling", [CREATED], secret=PAIR | {"secret_key": "x" * 40})
    provider.submit(older_request(), attempt())

    with pytest.raises(jwt.InvalidSignatureError):
        decoded(wire.asked[0].headers["authorization"])


def test_api_key_is_used_for_both_generations_when_there_is_one() -> None:
    provider, wire = build("kling", [CREATED, CREATED], secret=PAIR | {"api_key": "key"})

    provider.submit(older_request(), attempt())
    provider.submit(request_for("kling", "text_to_video"), attempt())

    assert [asked.headers["authorization"] for asked in wire.asked] == ["Bearer key"] * 2


def test_newer_model_is_refused_unasked_when_there_is_no_api_key() -> None:
    provider, wire = build("kling", [], secret=PAIR)

    with pytest.raises(ProviderRejectedError) as caught:
        provider.submit(request_for("kling", "text_to_video"), attempt())

    assert caught.value.reason is Rejection.AUTH
    assert "needs an API key" in caught.value.detail
    assert wire.asked == []


def test_newer_task_waits_when_the_api_key_was_taken_away() -> None:
    provider, wire = build("kling", [], secret=PAIR)

    with pytest.raises(ProviderUnavailableError, match="no API key"):
        provider.poll(NEWER)

    assert wire.asked == []


def test_keys_are_silent_when_the_vendor_echoes_them() -> None:
    echo = {"status": 400, "json": {"code": 1200, "message": " ".join(PAIR.values())}}
    provider, _ = build("kling", [echo], secret=PAIR)

    with pytest.raises(ProviderRejectedError) as caught:
        provider.submit(older_request(), attempt())

    assert caught.value.detail == "*** ***"
    assert not any(value in repr(provider) + str(caught.value) for value in PAIR.values())


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ({}, "needs 'api_key', or 'access_key' and 'secret_key'"),
        ({"access_key": "a"}, "'secret_key'"),
        ({"secret_key": "s"}, "'access_key'"),
        ({"api_key": "a\nb"}, "'api_key'"),
        ({"api_key": "key", "access_key": "ä", "secret_key": "s"}, "'access_key'"),
    ],
)
def test_secret_is_refused_when_it_opens_nothing(secret: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        KlingKeys.read(secret, "kling")
