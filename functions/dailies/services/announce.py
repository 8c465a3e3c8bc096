"""Announce: publish one event to the SNS topic."""

from __future__ import annotations

from dataclasses import dataclass

from dailies.domain.deliveries import DeliveryRef, Sink
from dailies.domain.notifications import topic_message
from dailies.domain.ports import Clock, Ledger, Topic
from dailies.services.delivery_tries import load_event, single_try


@dataclass(frozen=True)
class AnnouncePorts:
    """What an announcement needs."""

    ledger: Ledger
    topic: Topic
    clock: Clock


def announce(ref: DeliveryRef, ports: AnnouncePorts) -> None:
    """Publish the event, unless the delivery log says that it was published.

    Raises:
        DeliveryRefusedError: the ledger has no such event.
        ConflictError: another invocation is at it.
        StorageError: the topic or the ledger did not answer.
    """
    event, job = load_event(ref, ports.ledger)
    with single_try(ref, Sink.SNS.value, ledger=ports.ledger, clock=ports.clock) as mine:
        if mine:
            subject, message, attributes = topic_message(event, job)
            ports.topic.publish(subject, message, attributes)
