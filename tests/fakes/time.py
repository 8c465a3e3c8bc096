"""Time that moves only when told to."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Callable
from itertools import count

EPOCH = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)


class ManualClock:
    """The Clock port. Sleeping moves it; what was scheduled in between happens on the way."""

    def __init__(self, now: dt.datetime = EPOCH) -> None:
        self._now = now
        self._due: list[tuple[dt.datetime, int, Callable[[], None]]] = []
        self._order = count()

    def now(self) -> dt.datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - EPOCH).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.advance_to(self._now + dt.timedelta(seconds=seconds))

    def at(self, moment: dt.datetime, do: Callable[[], None]) -> None:
        """Do something when the clock gets there."""
        heapq.heappush(self._due, (moment, next(self._order), do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self._now + dt.timedelta(seconds=seconds), do)

    def next_due(self) -> dt.datetime | None:
        return self._due[0][0] if self._due else None

    def advance_at_most(self, seconds: float) -> None:
        """Go on to the next thing that is due, but no further than `seconds`."""
        end = self._now + dt.timedelta(seconds=seconds)
        due = self.next_due()
        self.advance_to(end if due is None else min(due, end))

    def advance_to(self, moment: dt.datetime) -> None:
        while self._due and self._due[0][0] <= moment:
            at, _, do = heapq.heappop(self._due)
            self._now = max(self._now, at)
            do()
        self._now = max(self._now, moment)
