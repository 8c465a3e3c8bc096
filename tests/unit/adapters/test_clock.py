"""The real time."""

from __future__ import annotations

import datetime as dt

from dailies.adapters.clock import SystemClock


def test_clock_is_aware_and_in_utc_when_asked() -> None:
    assert SystemClock().now().utcoffset() == dt.timedelta(0)


def test_clock_moves_on_when_it_sleeps() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.01
