"""A bounded queue between two threads that either of them, or a third, can end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class AbortedError(Exception):
    """The other side is gone: the thread has nothing to do any more."""


class Channel(Generic[T]):
    """Holds at most `depth` items; a writer waits for room, a reader for an item.

    The counters are for whoever watches the two threads.
    """

    def __init__(self, depth: int, clock: Callable[[], float]) -> None:
        self._depth = depth
        self._clock = clock
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._aborted = False
        self.writer_waited_s = 0.0
        self.reader_waited_s = 0.0
        self.writer_waits = False
        self.reader_waits = False
        self.put_count = 0
        self.taken_count = 0

    def put(self, item: T) -> None:
        """Add an item. Raises AbortedError once the channel is aborted."""
        with self._changed:
            if len(self._items) >= self._depth and not self._aborted:
                start, self.writer_waits = self._clock(), True
                self._changed.wait_for(lambda: len(self._items) < self._depth or self._aborted)
                self.writer_waits = False
                self.writer_waited_s += self._clock() - start
            if self._aborted:
                raise AbortedError
            self._items.append(item)
            self.put_count += 1
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that no more will come; what is in the channel is still read."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Drop everything, and wake both sides."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Channel[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            if not (self._items or self._finished or self._aborted):
                start, self.reader_waits = self._clock(), True
                self._changed.wait_for(lambda: self._items or self._finished or self._aborted)
                self.reader_waits = False
                self.reader_waited_s += self._clock() - start
            if self._aborted:
                raise AbortedError
            if not self._items:
                raise StopIteration
            item = self._items.popleft()
            self.taken_count += 1
            self._changed.notify_all()
            return item
