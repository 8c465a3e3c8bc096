"""The real time."""

from __future__ import annotations

import datetime as dt
import time


class SystemClock:
    """The Clock port on the machine's clock."""

    def now(self) -> dt.datetime:
        """Return the time now, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
