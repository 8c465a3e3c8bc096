"""Ways to tell others what happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dailies.domain.deliveries import DeliveryRef
from dailies.domain.events import Event


class DeliveryWorkflow(Protocol):
    """Starts executions of the state machine `deliver_webhook`."""

    def start(self, ref: DeliveryRef) -> None:
        """Start one delivery under `ref.execution_name`, its input `ref`; again is harmless.

        Raises:
            StorageError: it was not started (throttled, or no answer).
        """
        ...


class WebhookPoster(Protocol):
    """POSTs to addresses that a caller chose, by the guarded transport; follows no redirect."""

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        """Return the answer's status, whatever it is, and the first bytes of its body (1 KiB).

        Raises:
            FetchRefusedError: the address is not one we may send to; nothing was sent.
            FetchBrokenError: no answer within `timeout_s`, or the connection failed.
        """
        ...


class WebhookEndpoints(Protocol):
    """Which webhook addresses asked not to be called again.

    Raises StorageError when the store did not answer.
    """

    def is_disabled(self, tenant: str, url: str) -> bool:
        """Return whether the tenant's address is disabled."""
        ...

    def disable(self, tenant: str, url: str, *, reason: str, at: dt.datetime) -> None:
        """Disable an address; the first reason stands."""
        ...


class EventBus(Protocol):
    """The bus on which other systems listen. Raises StorageError when it did not take the event."""

    def put(self, event: Event, detail: Mapping[str, Any]) -> None:
        """Put an event on the bus, with its type as detail type and `detail` as its body."""
        ...


class Topic(Protocol):
    """The topic to which people subscribe. Raises StorageError when it did not take the message."""

    def publish(self, subject: str, message: str, attributes: Mapping[str, str]) -> None:
        """Publish a message; `attributes` are what subscriptions filter on."""
        ...


@dataclass(frozen=True)
class InlineImage:
    """A picture inside an email: HTML shows it as `cid:<content_id>`."""

    content_id: str
    filename: str
    content_type: str
    data: bytes = field(repr=False)


class Mailer(Protocol):
    """Sends email.

    Raises StorageError when the service did not take it, ConfigurationError when it never will.
    """

    def send(
        self,
        to: Sequence[str],
        subject: str,
        *,
        html: str,
        text: str,
        message_id: str,
        images: Sequence[InlineImage] = (),
    ) -> None:
        """Send one email in HTML and plain text.

        Args:
            to: the receivers.
            subject: one line.
            html: the message.
            text: the same, plain.
            message_id: the event's stable id, sent as a header: a receiver can tell a repeat.
            images: what the HTML shows.
        """
        ...
