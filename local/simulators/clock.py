"""Time for the simulators: the wall clock, or one that moves only when a test says so.

Speed is not a property of the clock. Signatures, URL expiries and token lifetimes must agree with
the client's own clock, so the clock runs at the real rate, and speed shortens the vendor's work.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Where a simulator takes the time from, and how it waits."""

    def now(self) -> float:
        """Return the time as unix seconds."""
        ...

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Wait on the held `condition` until notified or about `until`; may return early."""
        ...


class SystemClock:
    """The wall clock."""

    def now(self) -> float:
        """Return the time as unix seconds."""
        return time.time()

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Wait until notified or until the wall clock reaches `until`."""
        condition.wait(None if until is None else max(0.0, until - time.time()))


class ManualClock:
    """A clock that stands still until `advance` is called."""

    def __init__(self, start: float | None = None) -> None:
        """Start at `start` (unix seconds), by default now, so that signatures are not stale."""
        self._now = time.time() if start is None else start
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        """Return the time as unix seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move the time forward and wake everything that waits for it."""
        with self._lock:
            self._now += seconds
            listeners = list(self._listeners)
        for wake in listeners:
            wake()

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Wait until notified; `advance` notifies."""

        def wake() -> None:
            with condition:
                condition.notify_all()

        with self._lock:
            if until is not None and self._now >= until:
                return
            self._listeners.append(wake)
        try:
            condition.wait()
        finally:
            with self._lock:
                self._listeners.remove(wake)


class Sleeper:
    """Waits of request threads that end at once when the simulator stops."""

    def __init__(self, clock: Clock) -> None:
        """Sleep by `clock`."""
        self._clock = clock
        self._condition = threading.Condition()
        self._stopped = False

    def sleep(self, seconds: float) -> None:
        """Return when the clock has moved `seconds` on, or when `stop` is called."""
        until = self._clock.now() + seconds
        with self._condition:
            while not self._stopped and self._clock.now() < until:
                self._clock.wait(self._condition, until)

    def stop(self) -> None:
        """End every sleep, present and future."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()


def rfc3339(seconds: float) -> str:
    """Return unix seconds as Google writes times."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def http_date(seconds: float) -> str:
    """Return unix seconds as an HTTP date."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
