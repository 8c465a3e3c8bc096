"""Deliver webhook: one try to POST one event to the caller's address (Standard Webhooks 1.0).

The schedule of tries is the Retry of `state_machines/deliver_webhook.asl.json`; this file makes one
try and says whether another makes sense. https://www.standardwebhooks.com
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, ConfigDict
from standardwebhooks import Webhook

from dailies.domain.deliveries import DELIVERED, Delivery, DeliveryRef, Sink
from dailies.domain.errors import (
    ConfigurationError,
    DeliveryFailedError,
    DeliveryRefusedError,
    FetchBrokenError,
    FetchRefusedError,
)
from dailies.domain.events import Event
from dailies.domain.jobs import Job
from dailies.domain.notifications import webhook_body
from dailies.domain.ports import (
    Clock,
    Ledger,
    Secrets,
    WebhookEndpoints,
    WebhookPoster,
)
from dailies.domain.signing import webhook_secret
from dailies.observability import count
from dailies.services.delivery_tries import load_event, tries

TIMEOUT_S = 15.0
_SIGNING = "signing"
_KEYS = ("webhook_key", "webhook_key_previous")
"""The second is there while a key is rotated: both sign, a receiver may hold either secret."""


@dataclass(frozen=True)
class DeliverWebhookPorts:
    """What a delivery needs."""

    ledger: Ledger
    endpoints: WebhookEndpoints
    poster: WebhookPoster
    secrets: Secrets
    clock: Clock


class Delivered(BaseModel):
    """The end of a delivery: the receiver has it."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    event_id: str
    outcome: Literal["delivered"] = "delivered"
    attempt: int
    """The try that was taken; 1 for the first."""


@dataclass(frozen=True)
class _Answer:
    outcome: str
    http_status: int | None = None


def deliver_webhook(ref: DeliveryRef, ports: DeliverWebhookPorts) -> Delivered:
    """Make one try, write it to the delivery log, and return if the receiver took it.

    Raises:
        DeliveryFailedError: it did not take it this time (no answer, or any but 2xx and 410).
        DeliveryRefusedError: no try can succeed: the address is gone (410), disabled, or not one
            we may send to.
        StorageError: our ledger did not answer; the message may be sent again, under the same id.
    """
    event, job = load_event(ref, ports.ledger)
    webhook = job.request.notify.webhook
    if webhook is None:
        raise DeliveryRefusedError(f"{ref.job_id} asks for no webhook.")
    attempt = 1 + len(tries(ref, Sink.WEBHOOK.value, ports.ledger))
    at, started = ports.clock.now(), ports.clock.monotonic()
    answer = _try(event, job, webhook.url, at, ports)
    ports.ledger.record_delivery(
        Delivery(
            job_id=ref.job_id,
            event_id=ref.event_id,
            sink=Sink.WEBHOOK.value,
            attempt=attempt,
            at=at,
            outcome=answer.outcome,
            http_status=answer.http_status,
            duration_ms=round((ports.clock.monotonic() - started) * 1000),
        )
    )
    if answer.outcome != DELIVERED:
        count("WebhookFailures")
    _raise_unless_delivered(answer)
    return Delivered(event_id=ref.event_id, attempt=attempt)


def _try(event: Event, job: Job, url: str, at: dt.datetime, ports: DeliverWebhookPorts) -> _Answer:
    if ports.endpoints.is_disabled(event.tenant, url):
        return _Answer("endpoint_disabled")
    body = webhook_body(event, job)
    headers = signed_headers(event, at, body, ports.secrets)
    try:
        status, _ = ports.poster.post(url, headers, body, TIMEOUT_S)
    except FetchRefusedError:
        return _Answer("address_refused")
    except FetchBrokenError:
        return _Answer("no_answer")
    if status == HTTPStatus.GONE:
        ports.endpoints.disable(event.tenant, url, reason="The receiver answered 410 Gone.", at=at)
    return _Answer(_outcome(status), status)


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return DELIVERED
    if status == HTTPStatus.GONE:
        return "gone"
    return "redirect" if 300 <= status < 400 else "http_error"


def signed_headers(event: Event, at: dt.datetime, body: bytes, secrets: Secrets) -> dict[str, str]:
    """Return the headers of one try: the event's stable id, the time now, a signature per secret.

    Raises:
        ConfigurationError: the stage has no webhook key.
    """
    keys = secrets.get(_SIGNING)
    active = [keys[name] for name in _KEYS if keys.get(name)]
    if not active:
        raise ConfigurationError("This stage has no webhook key.")
    signers = [Webhook(webhook_secret(key, event.tenant)) for key in active]
    signatures = [signer.sign(event.event_id, at, body.decode()) for signer in signers]
    return {
        "content-type": "application/json",
        "user-agent": "Dailies-Webhook/1",
        "webhook-id": event.event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _raise_unless_delivered(answer: _Answer) -> None:
    status = f" ({answer.http_status})" if answer.http_status else ""
    if answer.outcome in {"gone", "endpoint_disabled", "address_refused"}:
        raise DeliveryRefusedError(f"No try can succeed: {answer.outcome}{status}.")
    if answer.outcome != DELIVERED:
        raise DeliveryFailedError(f"The receiver did not take it: {answer.outcome}{status}.")
