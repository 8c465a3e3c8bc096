"""From what a graph gives to planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from enhance.frames import Plane


def laid_out(samples: NDArray[Any], block: int) -> Plane:
    """Put the samples of each block in their places: (h, w, block²) to (h * block, w * block).

    Graphs leave this last step, which moves bytes only, to numpy: a row of a block moves as one
    number, where an engine moves samples one by one.
    """
    height, width = samples.shape[:2]
    if block == 1:
        return samples.reshape(height, width)
    size = block * samples.itemsize
    if size in (2, 4, 8):
        rows = samples.view(f"u{size}")
        plane = np.ascontiguousarray(rows.transpose(0, 2, 1)).view(samples.dtype)
    else:
        plane = samples.reshape(height, width, block, block).transpose(0, 2, 1, 3)
    return plane.reshape(height * block, width * block)
