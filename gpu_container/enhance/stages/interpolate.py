"""Adds frames between frames: midpoints between neighbours, or a constant rate.

A new frame is drawn along the motion between its neighbours. Where there is no such motion to
follow, nothing is invented:

- Across a scene cut the frame before it is shown again.
- A gap (more than three times the median distance around it) stays a gap; at a constant rate
  the frame before it is held.
- Where a frame repeats the one before it (animation drawn on twos, a still) so do the frames
  between them: the drawing's own timing is kept.
- Source frames pass untouched, and the last one is shown as long as before.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import islice, pairwise
from statistics import median_low
from typing import Final, TypeVar

import cv2

from enhance.engines import Compute
from enhance.errors import BadInputError
from enhance.frames import Frame, StreamFacts
from enhance.spec import Interpolate
from enhance.stages.between import draw, searched
from enhance.stages.flow import MotionSearch
from enhance.stages.scene_cuts import is_cut, is_repeat

_Result = TypeVar("_Result")
_GAP_MEDIANS: Final = 3
_MOST_THREADS: Final = 8
_SAMPLES_AT_ONCE: Final = 16 << 20
"""Of all pairs under way: each sample takes some 30 bytes meanwhile."""
_AROUND: Final = 4
"""The median is taken over this many distances before a pair, its own, and as many after it."""


def build(step: Interpolate, facts: StreamFacts, compute: Compute) -> FramesBetween:
    """Return the stage; it runs on the CPU whatever `compute` is.

    Raises:
        BadInputError: `bad_spec`: both `factor` and `fps`; `time_base_too_coarse`: there is no
            tick of the source's clock for the new frames.
    """
    if step.factor is not None and step.fps is not None:
        raise BadInputError("bad_spec", "`interpolate` takes `factor` or `fps`, not both.")
    return FramesBetween(step, facts)


class FramesBetween:
    """The stage."""

    before = _AROUND + 1
    after = _AROUND + 1

    def __init__(self, step: Interpolate, facts: StreamFacts) -> None:
        self._base = facts.time_base
        self._factor = step.factor or 2
        self._rate = None if step.fps is None else exact_rate(step.fps)
        if self._rate is not None:
            rate: Fraction | None = self._rate
            self.notes = (f"interpolate: constant {float(self._rate):g} frames per second",)
        else:
            rate = None if facts.rate is None else facts.rate * self._factor
            self.notes = (f"interpolate: {self._factor - 1} new between neighbours",)
        if rate is not None and rate * self._base > 1:
            raise BadInputError(
                "time_base_too_coarse",
                f"The file counts time in steps of {self._base} s, too coarse for "
                f"{float(rate):g} frames per second: copy it into a Matroska file first.",
            )
        self.facts = replace(facts, rate=rate)
        self._search = MotionSearch(facts.height, facts.width)
        room = max(1, _SAMPLES_AT_ONCE // (facts.height * facts.width))
        self._threads = min(_MOST_THREADS, room, _cores())

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        """Yield source frames and new ones, in order of showing."""
        # pairs side by side leave this many cores to each; more threads only get in their way
        cv2.setNumThreads(max(1, _cores() // self._threads))
        held: Frame | None = None
        for frames in _in_order(self._all(source), self._threads):
            for frame in frames:
                if held is not None:
                    yield replace(held, duration=frame.pts - held.pts)
                held = frame
        if held is not None:
            yield held

    def _all(self, source: Iterable[Frame]) -> Iterator[Callable[[], list[Frame]]]:
        """Yield what is to be done for each frame and the time up to the next."""
        for first, second, usual in _with_next(source):
            if second is None:
                yield partial(self._last, first)
                continue
            wide = second.pts - first.pts > _GAP_MEDIANS * usual
            yield partial(self._shown, first, second, wide)

    def _shown(self, first: Frame, second: Frame, wide: bool) -> list[Frame]:
        """Return what is to be seen in [first, second)."""
        if wide and self._rate is None:
            return [first]
        moments = self._moments(first.pts, second.pts)
        pair = None
        if not wide and moments[-1:] not in ([], [first.pts]):
            depth = self.facts.depth
            pair = self._search.pair(searched(first, depth), searched(second, depth))
            if is_repeat(pair) or is_cut(pair):
                pair = None
        shown: list[Frame] = []
        for pts in moments:
            if pts == first.pts or pair is None:
                shown.append(replace(first, pts=pts))
                continue
            t = (pts - first.pts) / (second.pts - first.pts)
            shown.append(draw(first, second, pair.at(t), t, pts, self.facts))
        return shown

    def _moments(self, start: int, end: int) -> list[int]:
        """Return when frames are to be shown in [start, end), in ticks."""
        if self._rate is None:
            steps = (start + (end - start) * n // self._factor for n in range(self._factor))
            return list(dict.fromkeys(steps))
        # the grid starts at zero of the source's clock, so every chunk finds the same one
        step = 1 / (self._rate * self._base)
        number = -(-start // step)
        moments: list[int] = []
        while (pts := round(number * step)) < end:
            if pts >= start:
                moments.append(pts)
            number += 1
        return moments

    def _last(self, frame: Frame) -> list[Frame]:
        if self._rate is None:
            return [frame]
        step = max(1, round(1 / (self._rate * self._base)))
        moments = self._moments(frame.pts, frame.pts + max(1, frame.duration))
        return [replace(frame, pts=pts, duration=step) for pts in moments]


def _cores() -> int:
    return os.cpu_count() or 1


def exact_rate(fps: float) -> Fraction:
    """Return a rate as it is meant: 59.94 is 60000/1001."""
    whole = round(fps * 1.001)
    if abs(whole * 1000 / 1001 - fps) < 0.005 and abs(fps - round(fps)) > 1e-9:
        return Fraction(whole * 1000, 1001)
    return Fraction(fps).limit_denominator(1001)


def _in_order(calls: Iterable[Callable[[], _Result]], threads: int) -> Iterator[_Result]:
    """Yield what the calls return, in their order, while threads are at the ones that follow."""
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for call in calls:
                waiting.append(pool.submit(call))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _with_next(source: Iterable[Frame]) -> Iterator[tuple[Frame, Frame | None, int]]:
    """Yield each frame, the next one, and the median distance of neighbours around the two."""
    iterator = iter(source)
    ahead = deque(islice(iterator, _AROUND + 2))
    earlier: deque[int] = deque(maxlen=_AROUND)
    while ahead:
        first = ahead.popleft()
        distances = [b - a for a, b in pairwise([first.pts, *(frame.pts for frame in ahead)])]
        usual = median_low([*earlier, *distances]) if distances else 0
        yield first, ahead[0] if ahead else None, usual
        earlier.extend(distances[:1])
        ahead.extend(islice(iterator, 1))
