"""Brings planes to a size that no net gives by itself: on the CPU, between nets and encoder."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from enhance.frames import Frame, Plane, StreamFacts
from enhance.nets.planes import ports
from enhance.nets.siting import sits_left, sits_top


class Fit:
    """Resamples each plane once: bicubic up, area down; chroma stays where its siting says."""

    def __init__(self, facts: StreamFacts, width: int, height: int) -> None:
        self._down = Fraction(facts.height, height)
        self._across = Fraction(facts.width, width)
        self._sizes = [(-(-width // p.sub_w), -(-height // p.sub_h)) for p in ports(facts)]
        self._sited = [
            (p.sub_w == 2 and sits_left(facts), p.sub_h == 2 and sits_top(facts))
            for p in ports(facts)
        ]
        self.facts = replace(facts, width=width, height=height)

    def frame(self, frame: Frame) -> Frame:
        """Give the frame at the new size."""
        planes = tuple(self.plane(plane, i) for i, plane in enumerate(frame.planes))
        return replace(frame, planes=planes, owner=None)

    def plane(self, plane: Plane, index: int) -> Plane:
        """Give one plane of the frame at the new size."""
        left, top = self._sited[index]
        width, height = self._sizes[index]
        across, down = float(self._across), float(self._down)
        # Half-pixel centres put sample i at (i + 1/2) * ratio - 1/2; a sample that sits on the
        # first luma sample of its pair lies a quarter of a chroma sample before its centre.
        dx = (across - 1) / 4 * (1 if left else 2)
        dy = (down - 1) / 4 * (1 if top else 2)
        if across <= 1 and down <= 1:
            return _sample(plane, across, down, dx, dy, width, height)
        if left or top:
            shift_x = -(across - 1) / 4 if left else 0.0
            shift_y = -(down - 1) / 4 if top else 0.0
            plane = _sample(plane, 1, 1, shift_x, shift_y, plane.shape[1], plane.shape[0])
        return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)  # pyright: ignore


def _sample(
    plane: Plane, across: float, down: float, dx: float, dy: float, width: int, height: int
) -> Plane:
    """Take bicubic samples at (i * across + dx, j * down + dy); the edge is repeated."""
    matrix = np.array([[across, 0.0, dx], [0.0, down, dy]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(  # pyright: ignore
        plane, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
