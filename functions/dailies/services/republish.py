"""Publishes the events that the table's stream lost."""

from __future__ import annotations

import datetime as dt

from dailies.domain.ports import Clock, EventBus, Ledger
from dailies.observability import count
from dailies.services.publish import publish

_OVERDUE = dt.timedelta(minutes=1)


def republish(ledger: Ledger, bus: EventBus, clock: Clock, *, limit: int = 200) -> int:
    """Publish events that nobody has marked for a minute, and return how many there were."""
    now = clock.now()
    overdue = list(ledger.unpublished(now - _OVERDUE, limit=limit))
    count("OutboxLag", max(((now - e.at).total_seconds() for e in overdue), default=0.0))
    publish(overdue, ledger=ledger, bus=bus)
    return len(overdue)
