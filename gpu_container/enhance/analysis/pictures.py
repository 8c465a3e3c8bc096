"""What pictures look like, measured on luma by numpy as they pass."""

from __future__ import annotations

from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from enhance.analysis.results import Pictures
from enhance.analysis.spans import SpanCollector

BLACK_LEVEL: Final = 0.05
"""A sample is dark up to this share of the range between black and white …"""
BLACK_SHARE: Final = 0.98
"""… and a picture black when this share of its samples is dark."""
STILL_STEP: Final = 1.5
"""A picture repeats its neighbour when no tile differs by more than this, in levels: coding noise
on a held picture stays below it, a moving mouth does not."""
FROZEN_S: Final = 1.0
CUT_STEP: Final = 24.0
"""A mean difference beyond this is a cut (or a flash), and says nothing of flicker."""
_REDUCED_ROWS: Final = 180
_TILE: Final = 8
_SAMPLE_EVERY_S: Final = 0.25
"""Sharpness and blockiness need full size and change slowly: four pictures a second do."""

Luma = NDArray[np.float32]

_PLANAR: Final = ("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuva4", "yuvj4", "gray")


def luma(frame: VideoFrame) -> tuple[NDArray[np.uint8 | np.uint16], int]:
    """Return the picture's luma samples and their depth in bits; a view where that can be."""
    form = frame.format
    bits = form.components[0].bits
    if not form.name.startswith(_PLANAR) or bits > 16 or form.is_big_endian:
        frame = frame.reformat(format="gray" if bits <= 8 else "gray16le")
        bits = 8 if bits <= 8 else 16
    dtype = np.uint8 if bits <= 8 else np.uint16
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype().itemsize)
    return rows[: frame.height, : frame.width], bits


def _full_range(frame: VideoFrame) -> bool:
    return frame.color_range == 2 or "yuvj" in frame.format.name


class PictureMeter:
    """Takes the pictures in order of showing."""

    def __init__(self) -> None:
        self._black = SpanCollector()
        self._frozen = SpanCollector(FROZEN_S)
        self._duplicates = 0
        self._before: Luma | None = None
        self._before_span = (0.0, 0.0)
        self._zones: list[Luma] = []
        self._brightness = _Mean()
        self._sharpness = _Mean()
        self._blockiness = _Mean()
        self._flicker = _Mean()
        self._sampled_s = -np.inf

    def add(self, frame: VideoFrame, at_s: float, duration_s: float) -> None:
        """Measure one picture."""
        samples, bits = luma(frame)
        unit = np.float32(1 / 2 ** (bits - 8))
        step = max(1, frame.height // _REDUCED_ROWS)
        reduced = samples[::step, ::step].astype(np.float32) * unit
        span = (at_s, at_s + duration_s)
        self._brightness.add(float(reduced.mean()))
        self._note_black(reduced, _full_range(frame), span)
        self._note_change(reduced, span)
        if at_s >= self._sampled_s + _SAMPLE_EVERY_S:
            self._sampled_s = at_s
            full = samples.astype(np.float32) * unit
            self._sharpness.add(sharpness(full))
            self._blockiness.add(blockiness(full))

    def _note_black(self, reduced: Luma, full_range: bool, span: tuple[float, float]) -> None:
        limit = BLACK_LEVEL * 255 if full_range else 16 + BLACK_LEVEL * 219
        if np.count_nonzero(reduced <= limit) >= BLACK_SHARE * reduced.size:
            self._black.mark(*span)
        else:
            self._black.pause()

    def _note_change(self, reduced: Luma, span: tuple[float, float]) -> None:
        before, self._before = self._before, reduced
        before_span, self._before_span = self._before_span, span
        zones = _zone_means(reduced)
        if before is None or before.shape != reduced.shape:  # a first picture, or another size
            self._zones = [zones]
            self._frozen.pause()
            return
        step = np.abs(reduced - before)
        if float(_tile_means(step).max()) <= STILL_STEP:
            self._duplicates += 1
            self._frozen.mark(before_span[0], span[1])
        else:
            self._frozen.pause()
        if float(step.mean()) > CUT_STEP:
            self._zones = []
        self._zones = [*self._zones[-2:], zones]
        if len(self._zones) == 3:
            self._flicker.add(_swing(*self._zones))

    def result(self) -> Pictures:
        """Return the measures of all pictures that were added."""
        return Pictures(
            black=self._black.result(),
            frozen=self._frozen.result(),
            duplicates=self._duplicates,
            brightness=round(self._brightness.value, 2),
            sharpness=round(self._sharpness.value, 2),
            blockiness=round(self._blockiness.value, 3),
            flicker=round(self._flicker.value, 3),
        )


class _Mean:
    """A running mean."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        self._sum += value
        self._count += 1

    @property
    def value(self) -> float:
        return self._sum / self._count if self._count else 0.0


def _tile_means(picture: Luma) -> Luma:
    rows, columns = (min(_TILE, side) for side in picture.shape)
    down, across = picture.shape[0] // rows, picture.shape[1] // columns
    whole = picture[: down * rows, : across * columns]
    return whole.reshape(down, rows, across, columns).mean(axis=(1, 3))


def _zone_means(picture: Luma) -> Luma:
    """Return the means of a grid of 4 x 4 zones (fewer where the picture is smaller)."""
    rows = np.array_split(picture, min(4, picture.shape[0]), axis=0)
    return np.array(
        [[zone.mean() for zone in np.array_split(r, min(4, r.shape[1]), axis=1)] for r in rows],
        dtype=np.float32,
    )


def _swing(first: Luma, middle: Luma, last: Luma) -> float:
    """Return how far the light of the middle picture lies off the mean of its neighbours'.

    Steady motion cancels in each zone, and moving things push zones both ways: the median with
    sign keeps what all of the picture does at once.
    """
    return float(abs(np.median(middle - (first + last) / 2)))


def sharpness(picture: Luma) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., 2000); 0 below 3 x 3."""
    if min(picture.shape) < 3:
        return 0.0
    middle = picture[1:-1, 1:-1]
    around = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    return float((around - 4 * middle).var())


def blockiness(picture: Luma) -> float:
    """Mean step over the edges of 8 x 8 blocks by the mean step elsewhere; 1 where unknown."""
    ratios = [_edge_ratio(np.abs(np.diff(picture, axis=axis)), axis) for axis in (0, 1)]
    known = [ratio for ratio in ratios if ratio is not None]
    return sum(known) / len(known) if known else 1.0


def _edge_ratio(steps: Luma, axis: int) -> float | None:
    if steps.shape[axis] < 16 or steps.size == 0:
        return None
    profile = steps.mean(axis=1 - axis)
    on_edge = np.arange(len(profile)) % 8 == 7
    # medians: an edge of the picture's own that happens to lie on the grid is one of many;
    # a tenth of a level: a flat picture has no ratio worth the name
    return float((np.median(profile[on_edge]) + 0.1) / (np.median(profile[~on_edge]) + 0.1))
