"""Google's token: signed by us, kept until shortly before its end, honest when there is none."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from provider_cases import (
    ATTEMPT_ID,
    NOW,
    FixedSecrets,
    FrozenClock,
    attempt,
    private_key,
    request_for,
)

from dailies.domain.errors import (
    ConfigurationError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    Rejection,
    StorageError,
)
from dailies.domain.outcomes import CannotTell, Handle, Pending
from dailies.domain.ports import InputMedia, LooksUp, Provider
from dailies.providers import Registry

HANDLE = Handle(vendor="google", data={"operation": "op", "model": "veo"})
TOKEN_URL = "https://oauth2.googleapis.com/token"


class Google:
    """Answers token requests with `tokens` in order and anything else with `answers`."""

    def __init__(self, tokens: list[Any], answers: list[httpx.Response] | None = None) -> None:
        self.tokens, self.answers = tokens, answers or []
        self.token_requests: list[httpx.Request] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/token":
            self.requests.append(request)
            return self.answers.pop(0) if self.answers else httpx.Response(200, json={"name": "op"})
        self.token_requests.append(request)
        answer = self.tokens.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def provider(self, clock: FrozenClock, **secret: str) -> Provider:
        whole = key_file() | secret
        client = httpx.Client(transport=httpx.MockTransport(self))
        return Registry(FixedSecrets({"providers/google": whole}), clock, {}, client).get("google")


def key_file() -> dict[str, str]:
    return {
        "project_id": "example-project",
        "private_key_id": "key-1",
        "private_key": private_key(),
        "client_email": "dailies@example-project.iam.gserviceaccount.com",
    }


def token(name: str = "one", **members: Any) -> httpx.Response:
    return httpx.Response(200, json={"access_token": name, "expires_in": 3600} | members)


def test_assertion_is_ours_when_a_token_is_asked_for() -> None:
    google = Google([token()])
    google.provider(FrozenClock()).poll(HANDLE)
    request = google.token_requests[0]

    form = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
    signed, _, signature = form["assertion"].rpartition(".")
    head, claims = (json.loads(_decoded(part)) for part in signed.split("."))

    assert str(request.url) == TOKEN_URL
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert claims == {
        "iss": "dailies@example-project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": TOKEN_URL,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
    }
    key = serialization.load_pem_private_key(private_key().encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    key.public_key().verify(
        _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )


def test_token_is_kept_when_it_lives_on_and_renewed_before_its_end() -> None:
    clock = FrozenClock()
    google = Google([token("one"), token("two")])
    provider = google.provider(clock)

    for seconds in (0, 3299, 1):
        clock.advance(seconds)
        provider.poll(HANDLE)

    sent = [request.headers["authorization"] for request in google.requests]
    assert sent == ["Bearer one", "Bearer one", "Bearer two"]


def test_token_is_used_once_when_it_lives_shorter_than_the_margin() -> None:
    google = Google([token(expires_in=10), token(expires_in="junk")])
    provider = google.provider(FrozenClock())

    provider.poll(HANDLE)
    provider.poll(HANDLE)

    assert len(google.token_requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_submit_is_refused_when_google_refuses_the_account(status: int) -> None:
    google = Google([httpx.Response(status, json={"error": "invalid_grant"})] * 2)
    provider = google.provider(FrozenClock())

    with pytest.raises(ProviderRejectedError) as caught:
        provider.submit(request_for("google", "text_to_video"), attempt())
    assert caught.value.reason is Rejection.AUTH
    with pytest.raises(ProviderUnavailableError):
        provider.poll(HANDLE)
    assert google.requests == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(500), ProviderUnavailableError),
        (httpx.Response(429), ProviderThrottledError),
        (httpx.Response(200, text="junk"), ProviderUnavailableError),
        (httpx.Response(200, json={"access_token": ""}), ProviderUnavailableError),
        (httpx.Response(200, json={"access_token": "a\nb"}), ProviderUnavailableError),
        (httpx.Response(200, json={"access_token": "tökén"}), ProviderUnavailableError),
        (httpx.ReadTimeout("x"), ProviderUnavailableError),
        (httpx.ConnectError("x"), ProviderUnavailableError),
    ],
)
def test_submit_is_certainly_not_accepted_when_no_token_is_to_be_had(
    answer: Any, expected: type[Exception]
) -> None:
    google = Google([answer])

    with pytest.raises(expected):
        google.provider(FrozenClock()).submit(request_for("google", "text_to_video"), attempt())
    assert google.requests == []


def test_submit_may_be_tried_again_when_an_old_token_was_revoked() -> None:
    clock = FrozenClock()
    refusal = httpx.Response(401, json={"error": {"status": "UNAUTHENTICATED"}})
    google = Google(
        [token("one"), token("two"), token("three")],
        [httpx.Response(200, json={"name": "op"}), refusal, refusal],
    )
    provider = google.provider(clock)
    provider.poll(HANDLE)
    clock.advance(600)

    with pytest.raises(ProviderUnavailableError):
        provider.submit(request_for("google", "text_to_video"), attempt())
    with pytest.raises(ProviderRejectedError):
        provider.submit(request_for("google", "text_to_video"), attempt())

    sent = [request.headers["authorization"] for request in google.requests]
    assert sent == ["Bearer one", "Bearer one", "Bearer two"]


def test_key_file_is_read_when_it_lies_under_service_account() -> None:
    google = Google([token()])
    secret = {"service_account": json.dumps(key_file()), "project": "other", "location": "here"}
    client = httpx.Client(transport=httpx.MockTransport(google))
    secrets = FixedSecrets({"providers/google": secret})

    outcome = Registry(secrets, FrozenClock(), {}, client).get("google").poll(HANDLE)

    assert outcome == Pending()
    assert "/projects/other/locations/here/" in str(google.requests[0].url)


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"service_account": "not json"},
        {"service_account": "[]"},
        {"client_email": "a@b"},
        {"client_email": "a@b", "private_key": "-----BEGIN PRIVATE KEY-----\nvery-secret"},
    ],
)
def test_secret_is_refused_unquoted_when_it_holds_no_usable_key(secret: dict[str, str]) -> None:
    registry = Registry(FixedSecrets({"providers/google": secret}), FrozenClock())

    with pytest.raises(ConfigurationError) as caught:
        registry.get("google")
    assert "very-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("bucket", "uri"),
    [
        ("name", f"gs://name/{ATTEMPT_ID}/"),
        ("gs://name/", f"gs://name/{ATTEMPT_ID}/"),
        ("gs://name/a/b/", f"gs://name/a/b/{ATTEMPT_ID}/"),
        ("", None),
    ],
)
def test_every_attempt_has_its_own_prefix_when_there_is_a_bucket(
    bucket: str, uri: str | None
) -> None:
    google = Google([token()])
    provider = google.provider(FrozenClock(), bucket=bucket)

    provider.submit(request_for("google", "text_to_video"), attempt())

    body = json.loads(google.requests[0].content)
    assert body["parameters"].get("storageUri") == uri


def test_lookup_cannot_tell_when_there_is_no_bucket() -> None:
    google = Google([])
    provider = google.provider(FrozenClock())

    assert isinstance(provider, LooksUp)
    assert isinstance(provider.lookup(attempt(), "veo"), CannotTell)
    assert google.token_requests == []


def test_nothing_is_sent_when_an_input_cannot_be_read() -> None:
    class Gone:
        def read(self) -> bytes:
            raise StorageError("The store did not answer.")

    request = request_for("google", "image_to_video")
    image = InputMedia("image/png", 1, url="https://x.example", source=Gone())
    google = Google([])

    with pytest.raises(ProviderUnavailableError) as caught:
        google.provider(FrozenClock()).submit(
            type(request)(**{**vars(request), "image": image}), attempt()
        )
    assert isinstance(caught.value.__cause__, StorageError)
    assert google.token_requests == google.requests == []


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
