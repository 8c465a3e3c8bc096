"""Publish: take events from the outbox to the bus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dailies.domain.errors import StorageError
from dailies.domain.events import Event
from dailies.domain.notifications import bus_detail
from dailies.domain.ports import EventBus, Ledger


@dataclass(frozen=True)
class PublishPorts:
    """What publishing needs."""

    ledger: Ledger
    bus: EventBus


def publish(events: Iterable[Event], *, ledger: Ledger, bus: EventBus) -> list[str]:
    """Put events on the bus and mark them published; return the ids of those to be tried again.

    At least once: an event whose mark is lost comes again, under the same event id. The table's
    stream and the sweeper both come here.
    """
    failed: list[str] = []
    for event in events:
        try:
            _publish_one(event, ledger, bus)
        except StorageError:
            failed.append(event.event_id)
    return failed


def publish_row(job_id: str, seq: int, ports: PublishPorts) -> None:
    """Publish the event that the table's stream showed.

    Raises:
        StorageError: it could not be read, put on the bus or marked; the stream brings it again.
    """
    event = next(iter(ports.ledger.events(job_id, after=seq - 1, limit=1)), None)
    if event is None or event.seq != seq:
        raise StorageError(f"Event {seq} of {job_id} cannot be read yet.")
    _publish_one(event, ports.ledger, ports.bus)


def _publish_one(event: Event, ledger: Ledger, bus: EventBus) -> None:
    job = ledger.job(event.job_id)
    if job is None:
        raise StorageError(f"{event.job_id} cannot be read.")
    bus.put(event, bus_detail(event, job))
    # The mark comes last: a crash before it repeats the event, a crash after it loses nothing.
    ledger.mark_published(event)
