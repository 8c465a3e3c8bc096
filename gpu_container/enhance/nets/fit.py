"""Brings planes down to a size that no net gives by itself: on the CPU, before the encoder."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from enhance.frames import Frame, Plane, StreamFacts
from enhance.nets.planes import ports
from enhance.nets.resample import REACH, cubic
from enhance.nets.siting import sits_left, sits_top


class Fit:
    """Averages each plane over areas, once; chroma stays where its siting says."""

    def __init__(self, facts: StreamFacts, width: int, height: int) -> None:
        """Prepare to shrink frames of these facts to `width` and `height`."""
        self._sizes = [(-(-width // p.sub_w), -(-height // p.sub_h)) for p in ports(facts)]
        # Areas share their centres, wherever a sample is said to sit. One that sits on the first
        # luma sample of its pair must be looked up a little before the area's centre.
        left = (facts.width / width - 1) / 4 if sits_left(facts) else 0.0
        top = (facts.height / height - 1) / 4 if sits_top(facts) else 0.0
        self._before = (_moved(left), _moved(top)) if left or top else None
        self.facts = replace(facts, width=width, height=height)

    def frame(self, frame: Frame) -> Frame:
        """Give the frame at the new size."""
        planes = tuple(self._plane(plane, i) for i, plane in enumerate(frame.planes))
        return replace(frame, planes=planes, owner=None)

    def _plane(self, plane: Plane, index: int) -> Plane:
        if index and self._before is not None:
            across, down = self._before
            plane = cv2.sepFilter2D(  # pyright: ignore
                plane, -1, across, down, borderType=cv2.BORDER_REPLICATE
            )
        size = self._sizes[index]
        return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)  # pyright: ignore


def _moved(by: float) -> NDArray[np.float64]:
    """Weights of the samples around one, for the bicubic value `by` samples before it.

    With a = -0.5, the only kernel of Keys' that moves a ramp by just as much.
    """
    return np.array([cubic(k + by, a=-0.5) for k in range(-REACH, REACH + 1)])
