"""Where things move between two pictures, seen from a moment between them.

Three steps, the first two on half the side of the third:

1. Hypotheses. OpenCV's DIS optical flow (Kroeger et al., 2016) both ways, once as the pictures are
   and once with the strongest common shift (phase correlation) taken out: coarse-to-fine search
   alone loses periodic patterns such as lines of text, and large pans. The common shift and "no
   motion" are hypotheses too.
2. Choice. Each place takes the hypothesis under which both pictures, warped to the moment between,
   agree best; where several agree, the shorter motion. A flow that explains nearly all places is
   not compared with others.
3. Refinement. What still differs between the two warped pictures is itself a small flow, found on
   the larger side. Places that still disagree, which lie at the edges of moving things, try the
   motion of what is around them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from enhance.stages.common_shift import common_shift

Vectors = NDArray[np.float32]
"""(height, width, 2): x and y in samples of that height and width, from the first picture to the
second."""
Luma = NDArray[np.uint8]

_LEAST_SIDE: Final = 64
"""DIS needs a few patches of 8; smaller pictures are framed by their own edge."""
_HALVED_FROM: Final = 256
"""Rows from which on motion is sought at half size: finer detail moves with what is around it."""
_SEARCH_ROWS: Final = 540
"""Larger pictures are sought at a size of about this many rows."""
_SHIFT_LEAST: Final = 0.4
_WINDOW: Final = 9
_LENGTH_COST: Final = 0.2
"""Levels of disagreement that a sample of length costs."""
_PLAIN: Final = (1.3, 1.0)
_COMMON: Final = (1.5, 2.0)
"""Disagreement is multiplied and raised by these before it is compared: flow with the common shift
taken out is preferred to flow without, and that to shifts of everything at once."""
_EXPLAINED_LEVEL: Final = 8.0
_EXPLAINED_SHARE: Final = 0.01
"""Where fewer places than this disagree by more, no further hypothesis is looked at."""
_OFF_LEVEL: Final = 10.0
"""Places that disagree by more than this after refinement …"""
_OFF_SHARE: Final = 0.003
"""… are tried again where there are more than this of them,"""
_REACHES: Final = (6, 12)
"""with the motion found this far to each side,"""
_MOVE_GAIN: Final = 1.0
"""which is taken when it agrees better by this."""
_AROUND: Final = np.array([[(x, y) for y in (-2, 0, 2) for x in (-2, 0, 2)]], np.float32)
"""Nine of the 5 x 5 samples around a place."""
_ROWS_AT_ONCE: Final = 16_384
"""OpenCV's remap takes pictures of up to 32,767 rows."""


class MotionSearch(threading.local):
    """Finds motion between pictures of one size; keeps what can be used again, by thread."""

    def __init__(self, height: int, width: int) -> None:
        divisor = 1 if height < _HALVED_FROM else max(2, round(height / _SEARCH_ROWS))
        self._size = (max(2, width // divisor), max(2, height // divisor))
        self._margins = tuple(max(0, _LEAST_SIDE - side) for side in self._size)
        self._coarse = _dis(cv2.DISOPTICAL_FLOW_PRESET_FAST, finest=1, smoothing=2)
        self._quick = _fine(coarsest=0, stride=8, iterations=4)
        self._careful = _fine(coarsest=1, stride=5, iterations=16)

    def pair(self, first: Luma, second: Luma) -> PairMotion:
        """Return the motion between two pictures of 8-bit luma."""
        reduced = [cv2.resize(p, self._size, interpolation=cv2.INTER_AREA) for p in (first, second)]
        across, down = self._margins
        if across or down:
            reduced = [
                cv2.copyMakeBorder(p, 0, down, 0, across, cv2.BORDER_REPLICATE) for p in reduced
            ]
        return PairMotion(_as_luma(reduced[0]), _as_luma(reduced[1]), self)

    def coarse(self, first: Luma, second: Luma) -> Vectors:
        """Return the flow from one picture to another."""
        return np.asarray(self._coarse.calc(first, second, _none()), np.float32)

    def fine(self, first: Luma, second: Luma, *, simple: bool) -> Vectors:
        """Return the small flow that is left between two pictures that nearly agree."""
        flow = self._quick if simple else self._careful
        return np.asarray(flow.calc(first, second, _none()), np.float32)

    def trimmed(self, motion: Vectors) -> Vectors:
        """Cut off what was framed."""
        width, height = self._size
        return motion[:height, :width]


@dataclass(frozen=True)
class _Hypothesis:
    forth: Vectors
    """Motion as the first picture sees it …"""
    back: Vectors | None
    """… and the second, pointing to the first; None where `forth` is enough."""
    cost: tuple[float, float]


class PairMotion:
    """Two pictures and the hypotheses of what moves between them."""

    def __init__(self, first: Luma, second: Luma, search: MotionSearch) -> None:
        self._first = first
        self._second = second
        self._search = search
        half = (max(2, first.shape[1] // 2), max(2, first.shape[0] // 2))
        self._small_first = _as_luma(cv2.resize(first, half, interpolation=cv2.INTER_AREA))
        self._small_second = _as_luma(cv2.resize(second, half, interpolation=cv2.INTER_AREA))

    @property
    def difference(self) -> float:
        """Mean difference of the two pictures in levels, motion not taken out."""
        return float(cv2.absdiff(self._small_first, self._small_second).mean())

    @property
    def most_changed(self) -> float:
        """Mean difference in levels of the tile (8 x 8) that differs most."""
        step = cv2.absdiff(self._small_first, self._small_second).astype(np.float32)
        tiles = (max(1, step.shape[1] // 8), max(1, step.shape[0] // 8))
        return float(cv2.resize(step, tiles, interpolation=cv2.INTER_AREA).max())

    @property
    def contrast(self) -> float:
        """How far the pictures' levels spread, in levels (mean of both standard deviations)."""
        return float(self._small_first.std() + self._small_second.std()) / 2

    @property
    def disagreement(self) -> float:
        """Mean difference in levels that the best hypotheses leave half way."""
        return float(self._half_way[1].mean())

    @cached_property
    def _half_way(self) -> tuple[Vectors, NDArray[np.float32]]:
        return self._chosen(0.5)

    @cached_property
    def _hypotheses(self) -> list[_Hypothesis]:
        first, second, coarse = self._small_first, self._small_second, self._search.coarse
        shift = common_shift(first, second)
        found: list[_Hypothesis] = []
        plain_cost, common = (1.0, 0.0), [np.zeros(2, np.float32)]
        if float(np.abs(shift).max()) > _SHIFT_LEAST:
            places = _places(*first.shape)
            by: Any = (*shift.tolist(), 0, 0)  # a scalar by channel to OpenCV
            forth = cv2.add(coarse(first, _moved(second, cv2.add(places, by))), by)
            if self._explains(_as_vectors(forth)):
                return [_Hypothesis(_as_vectors(forth), None, plain_cost)]
            back = cv2.subtract(coarse(second, _moved(first, cv2.subtract(places, by))), by)
            found.append(_Hypothesis(_as_vectors(forth), _as_vectors(back), plain_cost))
            plain_cost = _PLAIN
            common.append(shift)
        forth = coarse(first, second)
        if not found and self._explains(forth):
            return [_Hypothesis(forth, None, plain_cost)]
        found.append(_Hypothesis(forth, coarse(second, first), plain_cost))
        for everywhere in common:
            motion = np.full((*first.shape, 2), everywhere, np.float32)
            found.append(_Hypothesis(motion, None, _COMMON))
        return found

    def _explains(self, forth: Vectors) -> bool:
        """Tell whether this motion leaves next to nothing for another hypothesis."""
        places = _places(*self._small_first.shape)  # half way, so that both are softened alike
        first = _moved(self._small_first, cv2.scaleAdd(forth, -0.5, places))
        second = _moved(self._small_second, cv2.scaleAdd(forth, 0.5, places))
        off = _window_mean(cv2.absdiff(first, second), _WINDOW)
        return float((off > _EXPLAINED_LEVEL).mean()) < _EXPLAINED_SHARE

    def at(self, t: float) -> Vectors:
        """Return the motion at each place of the picture at `t` (0: first, 1: second)."""
        height, width = self._first.shape
        chosen = self._half_way if t == 0.5 else self._chosen(t)
        motion = grown(_as_vectors(cv2.blur(chosen[0], (3, 3))), height, width)
        first, second = self._met(motion, t)
        left = self._search.fine(first, second, simple=len(self._hypotheses) == 1)
        motion = _as_vectors(cv2.add(motion, left))
        if _off(first, second).mean() >= _OFF_SHARE:
            motion = self._from_around(motion, t)
        return self._search.trimmed(motion)

    def _met(self, motion: Vectors, t: float) -> tuple[Luma, Luma]:
        places = _places(*self._first.shape)
        first = _moved(self._first, cv2.scaleAdd(motion, -t, places))
        return first, _moved(self._second, cv2.scaleAdd(motion, 1 - t, places))

    def _chosen(self, t: float) -> tuple[Vectors, NDArray[np.float32]]:
        """Return the best hypothesis at each place, and the disagreement it leaves."""
        shape = self._small_first.shape
        places = _places(*shape)
        least = np.full(shape, np.inf, np.float32)
        left = np.zeros(shape, np.float32)
        chosen = np.zeros((*shape, 2), np.float32)
        for hypothesis in self._hypotheses:
            factor, offset = hypothesis.cost
            for motion in _seen_from(hypothesis, t, places):
                first = _moved(self._small_first, cv2.scaleAdd(motion, -t, places))
                second = _moved(self._small_second, cv2.scaleAdd(motion, 1 - t, places))
                off = _window_mean(cv2.absdiff(first, second), _WINDOW)
                length = cv2.magnitude(*cv2.split(motion))
                cost = off * np.float32(factor) + np.float32(offset) + _LENGTH_COST * length
                better = cost < least
                np.copyto(least, cost, where=better)
                np.copyto(left, off, where=better)
                np.copyto(chosen, motion, where=better[..., None])
        return chosen, left

    def _from_around(self, motion: Vectors, t: float) -> Vectors:
        """Give places that still disagree the motion of what is around, where that fits better."""
        off = _off(*self._met(motion, t))
        if off.mean() < _OFF_SHARE:
            return motion
        rows, columns = np.nonzero(off)
        best = motion[rows, columns]
        least = self._disagreements(rows, columns, best, t) - np.float32(_MOVE_GAIN)
        height, width = off.shape
        for reach in _REACHES:
            for down, across in ((0, -reach), (0, reach), (-reach, 0), (reach, 0)):
                y = np.clip(rows + down, 0, height - 1)
                x = np.clip(columns + across, 0, width - 1)
                other = motion[y, x]
                found = self._disagreements(rows, columns, other, t)
                better = found < least
                np.copyto(least, found, where=better)
                np.copyto(best, other, where=better[:, None])
        settled = motion.copy()
        settled[rows, columns] = best
        return settled

    def _disagreements(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], motion: Vectors, t: float
    ) -> NDArray[np.float32]:
        """Return the mean difference of the samples around places, if they move like this."""
        middle = np.stack([columns, rows], axis=-1).astype(np.float32)
        found = [
            _row_means(
                cv2.absdiff(
                    _moved(self._first, around - np.float32(t) * by),
                    _moved(self._second, around + np.float32(1 - t) * by),
                )
            )
            for around, by in (
                (middle[n : n + _ROWS_AT_ONCE, None] + _AROUND, motion[n : n + _ROWS_AT_ONCE, None])
                for n in range(0, len(rows), _ROWS_AT_ONCE)
            )
        ]
        return np.concatenate(found)


def grown(motion: Vectors, height: int, width: int) -> Vectors:
    """Return motion at the samples of another size, and counted in them."""
    own = motion.shape[:2]
    if own == (height, width):
        return motion
    growth: Any = (width / own[1], height / own[0], 0, 0)  # a scalar by channel to OpenCV
    return _as_vectors(cv2.resize(cv2.multiply(motion, growth), (width, height)))


def _seen_from(hypothesis: _Hypothesis, t: float, places: Vectors) -> list[Vectors]:
    """Return motion at the places of the moment `t`: what starts elsewhere comes by there."""
    seen = [_met_by(hypothesis.forth, -t, places)]
    if hypothesis.back is not None:
        seen.append(-_met_by(hypothesis.back, t - 1, places))
    return seen


def _met_by(motion: Vectors, share: float, places: Vectors) -> Vectors:
    """Return the motion of what is at each place after this share of it, back along it."""
    met = motion
    for _ in range(2):  # a fixed point: the motion here is that of the place it comes from
        met = _moved(motion, cv2.scaleAdd(met, share, places))
    return met


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> Vectors:
    rows, columns = np.indices((height, width), np.float32)
    places = np.dstack([columns, rows])
    places.setflags(write=False)
    return places


def _moved(picture: Any, places: Any) -> Any:
    """Return the picture's values at other places."""
    return cv2.remap(picture, places, _none(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _off(first: Luma, second: Luma) -> NDArray[np.bool_]:
    """Return where two pictures that are to agree do not."""
    return _window_mean(cv2.absdiff(first, second), 5) > _OFF_LEVEL


def _window_mean(levels: Any, side: int) -> NDArray[np.float32]:
    return np.asarray(cv2.boxFilter(levels, cv2.CV_32F, (side, side)), np.float32)


def _row_means(levels: Any) -> NDArray[np.float32]:
    return np.asarray(cv2.reduce(levels, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0], np.float32)


def _fine(*, coarsest: int, stride: int, iterations: int) -> cv2.DISOpticalFlow:
    flow = _dis(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST, finest=0, smoothing=0)
    flow.setCoarsestScale(coarsest)
    flow.setGradientDescentIterations(iterations)
    flow.setPatchStride(stride)
    return flow


def _dis(preset: int, *, finest: int, smoothing: int) -> cv2.DISOpticalFlow:
    flow = cv2.DISOpticalFlow.create(preset)
    flow.setFinestScale(finest)
    flow.setVariationalRefinementIterations(smoothing)
    return flow


def _none() -> Any:
    """OpenCV's word for "make the result yourself", which its stubs do not know."""
    return None


def _as_luma(picture: Any) -> Luma:
    return picture


def _as_vectors(motion: Any) -> Vectors:
    return motion
