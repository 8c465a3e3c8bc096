"""Publish: take events from the outbox to the bus."""

from __future__ import annotations

from collections.abc import Iterable

from dailies.domain.errors import StorageError
from dailies.domain.events import Event
from dailies.domain.notifications import bus_detail
from dailies.domain.ports import EventBus, Ledger


def publish(events: Iterable[Event], *, ledger: Ledger, bus: EventBus) -> list[str]:
    """Put events on the bus and mark them published; return the ids of those to be tried again.

    At least once: an event whose mark is lost comes again, under the same event id. The table's
    stream and the sweeper both call this.
    """
    return [event.event_id for event in events if not _publish_one(event, ledger=ledger, bus=bus)]


def _publish_one(event: Event, *, ledger: Ledger, bus: EventBus) -> bool:
    try:
        snapshot = ledger.snapshot(event.job_id)
        if snapshot is None:
            return False
        bus.put(event, bus_detail(event, snapshot))
        # The mark comes last: a crash before it repeats the event, a crash after it loses nothing.
        ledger.mark_published(event)
    except StorageError:
        return False
    return True
