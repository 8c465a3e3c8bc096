"""What Gemini's cases cannot say: tokens signed by rotating keys, and where our own key goes."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from provider_cases import ATTEMPT_ID, CALLBACK_URL, NOW, FrozenClock, attempt, build, request_for

from dailies.domain.errors import ProviderUnavailableError
from dailies.domain.outcomes import CallbackHint, Handle, Output, Succeeded
from dailies.domain.ports import AttemptRef

KEYS_URL = "https://generativelanguage.googleapis.com/.well-known/jwks.json"
ENDED = CallbackHint(terminal=True)
CREATED = {"status": 200, "json": {"id": "v1_x", "status": "in_progress"}}


class Signer:
    """One of Google's keys."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        n, e = (_segment(v.to_bytes((v.bit_length() + 7) // 8)) for v in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": e}

    def token(self, *, head: dict[str, Any] | None = None, **claims: Any) -> str:
        whole_head = {"alg": "RS256", "typ": "JWT", "kid": self.kid} | (head or {})
        now = int(NOW.timestamp())
        whole = {"iss": "google", "aud": CALLBACK_URL, "iat": now, "exp": now + 600} | claims
        text = ".".join(_segment(json.dumps(part).encode()) for part in (whole_head, whole))
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), SHA256())
        return f"{text}.{_segment(signature)}"


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def google() -> Signer:
    return Signer("key-1")


@pytest.fixture(scope="module")
def stranger() -> Signer:
    return Signer("key-1")


def keys(*signers: Signer) -> dict[str, Any]:
    return {"status": 200, "json": {"keys": [signer.jwk() for signer in signers]}}


def ask(
    provider: Any, token: str, *, of: AttemptRef | None = None, **body: Any
) -> CallbackHint | None:
    message = {"type": "interaction.completed", "version": "v1", "data": {"id": "v1_x"}} | body
    given = {"webhook-id": "evt_1", "webhook-signature": token}
    return provider.callback(of or attempt(), given, json.dumps(message).encode())


def test_callback_is_believed_when_a_published_key_signed_it(google: Signer) -> None:
    provider, wire = build("gemini", [keys(google)])

    hints = [ask(provider, google.token()) for _ in range(3)]

    assert hints == [ENDED] * 3
    [asked] = wire.asked
    assert (str(asked.url), "x-goog-api-key" in asked.headers) == (KEYS_URL, False)


def test_audience_may_be_a_list_when_it_holds_our_address(google: Signer) -> None:
    provider, _ = build("gemini", [keys(google)])

    assert ask(provider, google.token(aud=["https://elsewhere.example", CALLBACK_URL])) == ENDED


@pytest.mark.parametrize(
    "made",
    [
        {"aud": "https://api.example/v1/callbacks/gemini/att_other/secret"},
        {"aud": None},
        {"exp": int(NOW.timestamp()) - 301},
        {"exp": "never"},
        {"iat": int(NOW.timestamp()) + 301},
        {"nbf": int(NOW.timestamp()) + 301},
        {"head": {"alg": "none"}},
        {"head": {"alg": "HS256"}},
        {"head": {"kid": ""}},
    ],
)
def test_no_key_is_fetched_when_the_token_could_not_be_meant_for_us(
    google: Signer, made: dict[str, Any]
) -> None:
    provider, wire = build("gemini", [])

    assert ask(provider, google.token(**made)) is None
    assert wire.asked == []


@pytest.mark.parametrize("broken", ["", "a.b", "a.b.c", "..", "é.é.é", "x" * 9000, "v1"])
def test_token_is_refused_when_it_is_none(broken: str) -> None:
    provider, wire = build("gemini", [])

    assert ask(provider, broken) is None
    assert wire.asked == []


def test_token_is_refused_when_somebody_else_signed_it(google: Signer, stranger: Signer) -> None:
    provider, _ = build("gemini", [keys(google)])

    assert ask(provider, stranger.token()) is None
    head, _, signature = google.token().split(".")
    claims = google.token(aud=[CALLBACK_URL, "more"]).split(".")[1]
    assert ask(provider, f"{head}.{claims}.{signature}") is None


def test_key_is_taken_from_our_address_alone_when_the_token_names_another(
    google: Signer, stranger: Signer
) -> None:
    provider, wire = build("gemini", [keys(google)])
    lure = {"jku": "https://evil.example/jwks.json", "jwk": stranger.jwk()}

    assert ask(provider, stranger.token(head=lure)) is None
    assert [request.url.host for request in wire.asked] == ["generativelanguage.googleapis.com"]


def test_callback_is_refused_when_its_address_is_not_known(google: Signer) -> None:
    provider, wire = build("gemini", [])

    assert ask(provider, google.token(), of=AttemptRef(ATTEMPT_ID)) is None
    assert wire.asked == []


def test_callback_is_refused_when_its_metadata_names_another_attempt(google: Signer) -> None:
    provider, _ = build("gemini", [])

    assert ask(provider, google.token(), user_metadata={"attempt_id": "att_other"}) is None


def test_new_key_is_fetched_when_google_rotated(google: Signer) -> None:
    clock, newer = FrozenClock(), Signer("key-2")
    provider, wire = build("gemini", [keys(google), keys(google, newer)], clock=clock)
    assert ask(provider, google.token()) == ENDED

    clock.advance(61)

    assert ask(provider, newer.token()) == ENDED
    assert ask(provider, google.token()) == ENDED
    assert len(wire.asked) == 2


def test_withdrawn_key_is_forgotten_when_an_hour_has_passed(google: Signer) -> None:
    clock, newer = FrozenClock(), Signer("key-2")
    provider, _ = build("gemini", [keys(google), keys(newer)], clock=clock)
    assert ask(provider, google.token()) == ENDED

    clock.advance(3600)

    assert ask(provider, google.token(exp=int(NOW.timestamp()) + 7200)) is None


def test_keys_are_not_fetched_again_at_once_when_a_key_name_is_made_up(google: Signer) -> None:
    provider, wire = build("gemini", [keys(google)])

    answers = [ask(provider, Signer(f"made-up-{i}").token()) for i in range(3)]

    assert answers == [None] * 3
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        {"status": 503, "text": ""},
        {"status": 200, "text": "<html>"},
        {"status": 200, "json": {"keys": []}},
        httpx.ConnectError("x"),
    ],
)
def test_callback_is_to_be_sent_again_when_the_keys_cannot_be_had(
    google: Signer, reply: Any
) -> None:
    provider, _ = build("gemini", [reply, keys(google)])

    with pytest.raises(ProviderUnavailableError):
        ask(provider, google.token())
    assert ask(provider, google.token()) == ENDED


def test_unusable_keys_are_passed_over_when_others_are_good(google: Signer) -> None:
    odd = [{}, {"kty": "EC", "kid": "a"}, {"kty": "RSA", "kid": "b", "n": "", "e": "AQAB"}, 7]
    reply = {"status": 200, "json": {"keys": [*odd, google.jwk()]}}
    provider, _ = build("gemini", [reply])

    assert ask(provider, google.token()) == ENDED
    assert ask(provider, Signer("b").token()) is None


def test_no_callback_is_asked_for_when_nobody_can_reach_us() -> None:
    provider, wire = build("gemini", [CREATED])

    provider.submit(request_for("gemini", "text_to_video"), attempt(callback_url=None))

    assert "webhook_config" not in json.loads(wire.asked[0].content)


def test_static_signature_is_refused_when_the_project_registered_no_webhook() -> None:
    provider, _ = build("gemini", [], secret={"api_key": "k"})

    assert ask(provider, "v1,c2lnbmF0dXJl") is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://storage.googleapis.com/b/o.mp4",
        "https://generativelanguage.googleapis.com.evil.example/f:download",
        "https://generativelanguage.googleapis.com@evil.example/f:download",
        "https://evil.example/generativelanguage.googleapis.com",
        "http://generativelanguage.googleapis.com/v1beta/files/a:download",
        "https://generativelanguage.googleapis.com:8443/v1beta/files/a:download",
    ],
)
def test_our_key_stays_here_when_the_result_is_elsewhere(uri: str) -> None:
    provider, _ = build("gemini", [])

    download = provider.download(Output(content_type="video/mp4", data={"uri": uri}))

    assert (download.url, download.headers) == (uri, {})


@pytest.mark.parametrize(
    "tail", ["", "?alt=media", ":download", ":download?alt=media", ":download?alt=json"]
)
def test_bytes_are_asked_for_when_an_address_names_the_file_alone(tail: str) -> None:
    provider, _ = build("gemini", [])
    file = "https://generativelanguage.googleapis.com/v1beta/files/abc"

    download = provider.download(Output(content_type="video/mp4", data={"uri": file + tail}))

    assert download.url == f"{file}:download?alt=media"
    assert "x-goog-api-key" in download.headers


def test_interaction_id_stays_one_segment_when_it_is_odd() -> None:
    provider, wire = build(
        "gemini", [{"status": 200, "json": {"id": "../a?b", "status": "queued"}}]
    )

    provider.poll(Handle(vendor="gemini", data={"interaction": "../a?b"}))

    assert wire.asked[0].url.raw_path == b"/v1beta/interactions/..%2Fa%3Fb"


def test_charge_is_left_to_the_price_list_when_the_count_of_tokens_is_junk() -> None:
    rows = [{"modality": "video", "tokens": 10**400}]
    video = {"type": "video", "uri": "https://generativelanguage.googleapis.com/v1beta/files/a"}
    reply = {
        "id": "v1_x",
        "status": "completed",
        "steps": [{"type": "model_output", "content": [video]}],
        "usage": {"output_tokens_by_modality": rows},
    }
    provider, _ = build("gemini", [{"status": 200, "json": reply}])

    outcome = provider.poll(Handle(vendor="gemini", data={"interaction": "v1_x"}))

    assert isinstance(outcome, Succeeded)
    assert outcome.billed is None
