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

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median_low
from typing import Final

from enhance.engines import Compute
from enhance.errors import BadInputError
from enhance.frames import Frame, StreamFacts
from enhance.spec import Interpolate
from enhance.stages.between import draw, searched
from enhance.stages.flow import MotionSearch
from enhance.stages.scene_cuts import is_cut, is_repeat

_GAP_MEDIANS: Final = 3
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

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        """Yield source frames and new ones, in order of showing."""
        held: Frame | None = None
        for frame in self._all(source):
            if held is not None:
                yield replace(held, duration=frame.pts - held.pts)
            held = frame
        if held is not None:
            yield held

    def _all(self, source: Iterable[Frame]) -> Iterator[Frame]:
        for first, second, usual in _with_next(source):
            if second is None:
                yield from self._last(first)
                continue
            wide = second.pts - first.pts > _GAP_MEDIANS * usual
            if wide and self._rate is None:
                yield first
            else:
                yield from self._shown(first, second, self._moments(first.pts, second.pts), wide)

    def _shown(
        self, first: Frame, second: Frame, moments: list[int], hold: bool
    ) -> Iterator[Frame]:
        """Yield what is to be seen at these moments, which lie in [first, second)."""
        new = [pts for pts in moments if pts != first.pts]
        pair = None
        if new and not hold:
            depth = self.facts.depth
            pair = self._search.pair(searched(first, depth), searched(second, depth))
            if is_repeat(pair) or is_cut(pair):
                pair = None
        for pts in moments:
            if pts == first.pts or pair is None:
                yield replace(first, pts=pts)
                continue
            t = (pts - first.pts) / (second.pts - first.pts)
            yield draw(first, second, pair.at(t), t, pts, self.facts)

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

    def _last(self, frame: Frame) -> Iterator[Frame]:
        if self._rate is None:
            yield frame
            return
        step = max(1, round(1 / (self._rate * self._base)))
        for pts in self._moments(frame.pts, frame.pts + max(1, frame.duration)):
            yield replace(frame, pts=pts, duration=step)


def exact_rate(fps: float) -> Fraction:
    """Return a rate as it is meant: 59.94 is 60000/1001."""
    whole = round(fps * 1.001)
    if abs(whole * 1000 / 1001 - fps) < 0.005 and abs(fps - round(fps)) > 1e-9:
        return Fraction(whole * 1000, 1001)
    return Fraction(fps).limit_denominator(1001)


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
