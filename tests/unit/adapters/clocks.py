"""A clock that stands still until a test moves it."""

from __future__ import annotations

import datetime as dt

from tests.unit.adapters.samples import NOW


class StillClock:
    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> dt.datetime:
        return NOW + dt.timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s

    def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds
