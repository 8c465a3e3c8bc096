"""Takes a stream of frames through a runner, several in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from enhance.engines.seam import Pending, Runner
from enhance.frames import Frame


def through(runner: Runner, source: Iterable[Frame]) -> Iterator[Frame]:
    """Yield the frames in order, with new planes and the same time.

    Raises:
        OutOfMemoryError: The smallest tile does not fit.
    """
    waiting: deque[tuple[Frame, Pending]] = deque()
    try:
        for frame in source:
            waiting.append((frame, runner.start(frame.planes)))
            if len(waiting) >= runner.depth:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        # Whoever stops early must not free memory that the engine still writes to.
        for _, pending in waiting:
            with suppress(Exception):
                pending.result()


def _finished(frame: Frame, pending: Pending) -> Frame:
    # The owner stays: a plane that the net leaves alone is still the decoder's.
    return replace(frame, planes=pending.result())
