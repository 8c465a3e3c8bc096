"""The shift that most of a picture shares, by phase correlation (Kuglin and Hines, 1975)."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray


def common_shift(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the strongest shift (x, y) from one picture to the other, in samples.

    It is sought up to a quarter of each side; the place of the peak is refined by its neighbours'
    weights. Pictures without any detail have none: (0, 0).
    """
    height, width = first.shape
    window = _window(height, width)
    spectra = [np.fft.rfft2((p - p.mean(dtype=np.float32)) * window) for p in (first, second)]
    cross = np.conj(spectra[0]) * spectra[1]
    weight = np.abs(cross)
    if not (mean := float(weight.mean())):
        return np.zeros(2, np.float32)
    peaks = np.fft.irfft2(cross / (weight + 0.01 * mean), (height, width))
    down, across = height // 4, width // 4
    near = np.roll(peaks, (down, across), (0, 1))[: 2 * down + 1, : 2 * across + 1]
    y, x = (int(place) for place in np.unravel_index(near.argmax(), near.shape))
    top, left = max(0, y - 1), max(0, x - 1)
    around = np.maximum(near[top : y + 2, left : x + 2], 1e-9)
    rows, columns = np.indices(around.shape)
    weights = around / around.sum()
    place = ((weights * columns).sum() + left - across, (weights * rows).sum() + top - down)
    return np.array(place, np.float32)


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> NDArray[np.float32]:
    window = np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F), np.float32)
    window.setflags(write=False)
    return window
