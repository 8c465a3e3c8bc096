"""Decode, enhance, encode: three threads, two bounded queues, one chunk at a time.

PyAV, the engines and the encoders all release the interpreter while they work, so three threads
keep the machine busy. Whatever ends one of them ends all three, and the first error is the one that
is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from enhance.channel import AbortedError, Channel
from enhance.errors import EnhanceError
from enhance.frames import Frame, StreamFacts
from enhance.interruption import Interruption
from enhance.stages import Stage

WATCHDOG_S = 900.0
"""Longer than the slowest frame: the largest net on a 4K frame, on two cores."""
_TICK_S = 0.25
_JOIN_S = 30.0
"""A frame under way ends by itself; a thread that hangs does not."""
_QUEUE_BYTES = 128 << 20
"""Of frames between two threads; a queue has at least two."""
_DEEPEST = 16


class Sink(Protocol):
    """What writes a chunk's file: a context manager, complete when it is left without an error."""

    def __enter__(self) -> Any: ...

    def write(self, frame: Frame) -> None:
        """Encode one frame."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class StalledError(EnhanceError):
    """A thread hangs; `code` is `stalled_decode`, `stalled_stages` or `stalled_encode`."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What went through."""

    taken: list[int]
    """PTS of the source's frames in the chunk's range, in the order in which they came."""
    given: list[int]
    """PTS of the frames that were written."""
    wall_s: float
    busy_s: dict[str, float] = field(default_factory=dict)
    """By thread, without waiting for another: what each alone would take."""


def depth(facts: StreamFacts) -> int:
    """Return how many frames of this form a queue may hold."""
    chroma = 2 / (facts.chroma_w * facts.chroma_h) if facts.chroma_w else 0
    size = facts.width * facts.height * (1 + chroma) * (2 if facts.depth > 8 else 1)
    return int(min(_DEEPEST, max(2, _QUEUE_BYTES // max(1, size))))


class Pipeline:
    """One chunk's way from the decoder to the encoder."""

    def __init__(
        self,
        stages: Sequence[Stage],
        sink: Sink,
        bounds: tuple[int, int],
        *,
        depths: tuple[int, int] = (8, 8),
        watchdog_s: float = WATCHDOG_S,
        join_s: float = _JOIN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: bounds: half-open PTS range that is kept. depths: of the two queues, in frames."""
        self._stages = stages
        self._sink = sink
        self._start, self._end = bounds
        self._watchdog_s = watchdog_s
        self._join_s = join_s
        self._clock = clock
        self._decoded: Channel[Frame] = Channel(depths[0], clock)
        self._enhanced: Channel[Frame] = Channel(depths[1], clock)
        self._taken: list[int] = []
        self._given: list[int] = []
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._moved: dict[str, tuple[int, float]] = {}
        self._lives: dict[str, float] = {}
        self._threads: list[threading.Thread] = []

    def run(
        self,
        frames: Iterable[Frame],
        interruption: Interruption,
        tick: Callable[[int | None], None] = lambda _: None,
    ) -> Passed:
        """Pass all frames through; `tick` is told the last written PTS a few times a second.

        Raises:
            InterruptedRunError: a stop was asked for; the sink is left incomplete.
            StalledError: a thread made no progress for `watchdog_s`.
        """
        start = self._clock()
        work = {
            "decode": lambda: self._decode(frames),
            "stages": self._enhance,
            "encode": self._encode,
        }
        for name, do in work.items():
            thread = threading.Thread(target=self._guard, args=(name, do), name=name, daemon=True)
            self._threads.append(thread)
        try:
            for thread in self._threads:
                thread.start()
            while not self._over.wait(_TICK_S):
                interruption.check()
                self._look_for_stall()
                tick(self._given[-1] if self._given else None)
        finally:
            self._end_threads()
        if self._error is not None:
            raise self._error
        tick(self._given[-1] if self._given else None)
        return Passed(self._taken, self._given, self._clock() - start, self._busy())

    def _guard(self, name: str, do: Callable[[], None]) -> None:
        """Run one thread's work; its first error ends the others."""
        start = self._clock()
        try:
            do()
            if name == "encode":
                self._over.set()
        except AbortedError:
            pass
        except BaseException as error:
            self._fail(error)
        finally:
            self._lives[name] = self._clock() - start

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
        self._decoded.abort()
        self._enhanced.abort()
        self._over.set()

    def _decode(self, frames: Iterable[Frame]) -> None:
        iterator = iter(frames)
        try:
            for frame in iterator:
                if self._start <= frame.pts < self._end:
                    self._taken.append(frame.pts)
                self._decoded.put(frame)
        finally:
            # a generator holds the source open: it is closed here, by the thread that ran it
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        self._decoded.finish()

    def _enhance(self) -> None:
        chain: Iterator[Frame] = self._decoded
        for stage in self._stages:
            chain = stage.frames(chain)
        for frame in chain:
            if self._start <= frame.pts < self._end:
                self._enhanced.put(frame)
        self._enhanced.finish()

    def _encode(self) -> None:
        with self._sink:
            for frame in self._enhanced:
                if self._given and frame.pts <= self._given[-1]:
                    raise EnhanceError(
                        "pts_order", f"A stage gave PTS {frame.pts} after {self._given[-1]}."
                    )
                self._sink.write(frame)
                self._given.append(frame.pts)

    def _busy(self) -> dict[str, float]:
        waited = {
            "decode": self._decoded.writer_waited_s,
            "stages": self._decoded.reader_waited_s + self._enhanced.writer_waited_s,
            "encode": self._enhanced.reader_waited_s,
        }
        return {name: max(0.0, self._lives[name] - waited[name]) for name in self._lives}

    def _look_for_stall(self) -> None:
        """Raise for a thread that neither waits for another nor got anything done for long."""
        now = self._clock()
        first, second = self._decoded, self._enhanced
        states = {
            "decode": (first.put_count, first.writer_waits),
            "stages": (
                first.taken_count + second.put_count,
                first.reader_waits or second.writer_waits,
            ),
            "encode": (second.taken_count, second.reader_waits),
        }
        for thread in self._threads:
            done, waits = states[thread.name]
            before, since = self._moved.get(thread.name, (-1, now))
            if done != before or waits or not thread.is_alive():
                self._moved[thread.name] = (done, now)
            elif now - since > self._watchdog_s:
                raise StalledError(
                    f"stalled_{thread.name}",
                    f"The thread `{thread.name}` got nothing done for {self._watchdog_s:.0f} s.",
                )

    def _end_threads(self) -> None:
        """Wait for the threads; one that hangs in a library is left behind (it is a daemon)."""
        # after a good end nobody reads or writes any more, and this changes nothing
        self._decoded.abort()
        self._enhanced.abort()
        end = time.monotonic() + self._join_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
