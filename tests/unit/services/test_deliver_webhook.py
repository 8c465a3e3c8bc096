"""One try at a webhook: the signed message, the delivery log, and which answers end the tries."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import (
    ConfigurationError,
    DeliveryFailedError,
    DeliveryRefusedError,
    FetchBrokenError,
    FetchRefusedError,
)
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState
from dailies.domain.signing import webhook_secret
from dailies.services.deliver_webhook import DeliverWebhookPorts, deliver_webhook
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.notification import (
    ASSET_ID,
    JOB_ID,
    TENANT,
    URL,
    MemoryEndpoints,
    MemoryPoster,
    MemorySecrets,
    SteppedClock,
    event,
    job,
    ledger_with,
    outcomes,
    ref,
)

HOOK = {"webhook": {"url": URL}}


class _World:
    """The ports of a delivery, and what became of them."""

    def __init__(self, answer: Callable[[], int] = lambda: 200) -> None:
        self.ledger: InMemoryLedger = ledger_with(job(HOOK))
        self.endpoints = MemoryEndpoints()
        self.poster = MemoryPoster(answer)
        self.secrets = MemorySecrets()
        # The package that verifies reads the real time.
        self.clock = SteppedClock(dt.datetime.now(dt.UTC))
        self.ports = DeliverWebhookPorts(
            ledger=self.ledger,
            endpoints=self.endpoints,
            poster=self.poster,
            secrets=self.secrets,
            clock=self.clock,
        )


def _raise(error: Exception) -> Callable[[], int]:
    def answer() -> int:
        raise error

    return answer


def test_receiver_verifies_the_message_when_it_holds_the_tenants_secret() -> None:
    world = _World()

    delivered = deliver_webhook(ref(), world.ports)

    assert delivered.model_dump() == {
        "v": 1,
        "event_id": event().event_id,
        "outcome": "delivered",
        "attempt": 1,
    }
    (post,) = world.poster.posts
    message = Webhook(webhook_secret("k1", TENANT)).verify(post.body, post.headers)
    assert (message["type"], message["timestamp"]) == ("job.succeeded", "2026-11-20T12:01:35.000Z")
    data = message["data"]
    assert (data["job_id"], data["state"], data["seq"]) == (JOB_ID, "succeeded", 9)
    assert data["outputs"] == [
        {
            "asset_id": ASSET_ID,
            "asset": f"/v1/assets/{ASSET_ID}",
            "download": f"/v1/assets/{ASSET_ID}/download-url",
        }
    ]
    assert (post.url, post.timeout_s) == (URL, 15)
    assert post.headers["webhook-id"] == event().event_id
    assert outcomes(world.ledger) == [("webhook", 1, "delivered")]


def test_verification_fails_when_the_secret_is_another_tenants() -> None:
    world = _World()

    deliver_webhook(ref(), world.ports)

    (post,) = world.poster.posts
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_secret("k1", "other")).verify(post.body, post.headers)


@pytest.mark.parametrize("held", ["k1", "k2"])
def test_either_secret_verifies_when_the_key_is_being_rotated(held: str) -> None:
    world = _World()
    world.secrets.values["signing"] = {"webhook_key": "k2", "webhook_key_previous": "k1"}

    deliver_webhook(ref(), world.ports)

    (post,) = world.poster.posts
    assert Webhook(webhook_secret(held, TENANT)).verify(post.body, post.headers)
    assert post.headers["webhook-signature"].count("v1,") == 2


def test_body_holds_no_address_secret_or_prompt() -> None:
    world = _World()

    deliver_webhook(ref(), world.ports)

    body = world.poster.posts[0].body.decode()
    for secret in ("http", "do-not-tell", "whsec", "lighthouse", "internal"):
        assert secret not in body
    assert json.dumps(json.loads(body), separators=(",", ":")) == body


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_delivery_ends_well_when_the_answer_is_2xx(status: int) -> None:
    world = _World(lambda: status)

    deliver_webhook(ref(), world.ports)

    assert world.ledger.deliveries(JOB_ID)[0].http_status == status


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (301, "redirect"),
        (307, "redirect"),
        (400, "http_error"),
        (404, "http_error"),
        (429, "http_error"),
        (500, "http_error"),
        (503, "http_error"),
    ],
)
def test_delivery_may_be_tried_again_when_the_answer_is_no_2xx(status: int, outcome: str) -> None:
    world = _World(lambda: status)

    with pytest.raises(DeliveryFailedError) as caught:
        deliver_webhook(ref(), world.ports)

    assert caught.value.retryable
    assert "example.com" not in str(caught.value)
    assert len(world.poster.posts) == 1
    (line,) = world.ledger.deliveries(JOB_ID)
    assert (line.outcome, line.http_status) == (outcome, status)


def test_delivery_may_be_tried_again_when_nobody_answers() -> None:
    world = _World()

    def hang() -> int:
        world.clock.advance(15)
        raise FetchBrokenError("timed out")

    world.poster.answer = hang
    with pytest.raises(DeliveryFailedError):
        deliver_webhook(ref(), world.ports)

    (line,) = world.ledger.deliveries(JOB_ID)
    assert (line.outcome, line.http_status, line.duration_ms) == ("no_answer", None, 15_000)


def test_delivery_ends_when_the_address_is_refused() -> None:
    world = _World(_raise(FetchRefusedError("10.0.0.7 is not a public address")))

    with pytest.raises(DeliveryRefusedError) as caught:
        deliver_webhook(ref(), world.ports)

    assert not caught.value.retryable
    assert outcomes(world.ledger) == [("webhook", 1, "address_refused")]
    assert "10.0.0.7" not in repr(world.ledger.deliveries(JOB_ID)) + str(caught.value)


def test_endpoint_is_disabled_when_it_answers_410() -> None:
    world = _World(lambda: 410)

    with pytest.raises(DeliveryRefusedError):
        deliver_webhook(ref(), world.ports)

    assert world.endpoints.is_disabled(TENANT, URL)
    assert outcomes(world.ledger) == [("webhook", 1, "gone")]


def test_nothing_is_sent_when_the_endpoint_is_disabled() -> None:
    world = _World()
    world.endpoints.disable(TENANT, URL, reason="gone", at=world.clock.now())

    with pytest.raises(DeliveryRefusedError):
        deliver_webhook(ref(), world.ports)

    assert world.poster.posts == []
    assert outcomes(world.ledger) == [("webhook", 1, "endpoint_disabled")]


def test_each_try_has_the_same_id_and_its_own_time_when_repeated() -> None:
    world = _World(lambda: 500)

    for _ in range(3):
        with pytest.raises(DeliveryFailedError):
            deliver_webhook(ref(), world.ports)
        world.clock.advance(60)

    headers = [post.headers for post in world.poster.posts]
    assert {h["webhook-id"] for h in headers} == {event().event_id}
    assert len({h["webhook-timestamp"] for h in headers}) == 3
    assert [attempt for _, attempt, _ in outcomes(world.ledger)] == [1, 2, 3]


def test_message_tells_the_jobs_state_now_when_an_earlier_event_is_late() -> None:
    world = _World()
    started = event(EventType.JOB_STARTED, 5)
    told = job({**HOOK, "events": ["job.started"]}, state=JobState.SUCCEEDED)
    ledger = ledger_with(told, started)

    deliver_webhook(ref(started), DeliverWebhookPorts(**{**vars(world.ports), "ledger": ledger}))

    message = json.loads(world.poster.posts[0].body)
    assert (message["type"], message["data"]["state"]) == ("job.started", "succeeded")


@pytest.mark.parametrize(
    "unknown",
    [
        DeliveryRef(event_id=event(seq=8).event_id, job_id=JOB_ID, seq=8),
        DeliveryRef(event_id=event().event_id, job_id=JOB_ID[:-1] + "0", seq=9),
    ],
)
def test_delivery_is_refused_when_the_ledger_has_no_such_event(unknown: DeliveryRef) -> None:
    world = _World()

    with pytest.raises(DeliveryRefusedError):
        deliver_webhook(unknown, world.ports)

    assert world.poster.posts == []


def test_delivery_is_refused_when_the_job_asks_for_no_webhook() -> None:
    world = _World()
    ports = DeliverWebhookPorts(**{**vars(world.ports), "ledger": ledger_with(job({}))})

    with pytest.raises(DeliveryRefusedError):
        deliver_webhook(ref(), ports)


def test_nothing_is_sent_unsigned_when_the_stage_has_no_key() -> None:
    world = _World()
    world.secrets.values["signing"] = {"callback_key": "c"}

    with pytest.raises(ConfigurationError):
        deliver_webhook(ref(), world.ports)

    assert world.poster.posts == []
