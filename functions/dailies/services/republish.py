"""Publishes the events that the table's stream lost."""

from __future__ import annotations

import datetime as dt

from dailies.domain.ports import Clock, EventBus, Ledger
from dailies.services.publish import publish

_OVERDUE = dt.timedelta(minutes=1)


def republish(ledger: Ledger, bus: EventBus, clock: Clock, *, limit: int = 200) -> int:
    """Publish events that nobody has marked for a minute, and return how many there were."""
    overdue = list(ledger.unpublished(clock.now() - _OVERDUE, limit=limit))
    publish(overdue, ledger=ledger, bus=bus)
    return len(overdue)
