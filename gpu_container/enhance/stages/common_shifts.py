"""Shifts that much of a picture shares, by phase correlation (Kuglin and Hines, 1975)."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_SHIFTS: Final = 3
_SHARE: Final = 0.3
"""A further shift counts when its peak is this high beside the highest."""


def common_shifts(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return the strongest shifts (x, y) that much of the picture shares, best first.

    They are sought up to a quarter of each side; the place of a peak is refined by its
    neighbours' weights.
    """
    height, width = first.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    spectra = [np.fft.rfft2((p - p.mean(dtype=np.float32)) * window) for p in (first, second)]
    cross = np.conj(spectra[0]) * spectra[1]
    weight = np.abs(cross)
    if not (mean := float(weight.mean())):
        return []
    peaks = np.fft.irfft2(cross / (weight + 0.01 * mean), (height, width))
    down, across = height // 4, width // 4
    near = np.roll(peaks, (down, across), (0, 1))[: 2 * down + 1, : 2 * across + 1].copy()
    shifts: list[NDArray[np.float32]] = []
    highest = float(near.max())
    while len(shifts) < _SHIFTS and near.max() >= max(_SHARE * highest, 1e-6):
        y, x = (int(place) for place in np.unravel_index(near.argmax(), near.shape))
        top, left = max(0, y - 1), max(0, x - 1)
        around = np.maximum(near[top : y + 2, left : x + 2], 0)
        rows, columns = np.indices(around.shape)
        weights = around / around.sum()
        shifts.append(
            np.array(
                [
                    (weights * columns).sum() + left - across,
                    (weights * rows).sum() + top - down,
                ],
                np.float32,
            )
        )
        near[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = 0
    return shifts
