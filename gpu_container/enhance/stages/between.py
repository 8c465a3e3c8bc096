"""Draws the picture between two pictures, plane by plane, along known motion."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from enhance.frames import Frame, Plane, StreamFacts
from enhance.media.planes import new_frame
from enhance.stages.flow import Luma, Vectors, grown

_LUMA: Final = cv2.INTER_CUBIC
"""Linear weights soften: on a pan by fractions of a sample they cost 5 dB."""
_CHROMA: Final = cv2.INTER_LINEAR


def on_host(plane: Any) -> Plane:
    """Return a plane in host memory; planes on a GPU are tensors, and copied."""
    return plane if isinstance(plane, np.ndarray) else plane.cpu().numpy()


def searched(frame: Frame, depth: int) -> Luma:
    """Return a frame's luma in 8 bits: what motion is sought on."""
    luma = on_host(frame.planes[0])
    return np.asarray(luma if depth == 8 else luma >> (depth - 8), np.uint8)


def draw(
    first: Frame, second: Frame, motion: Vectors, t: float, pts: int, facts: StreamFacts
) -> Frame:
    """Return the frame at `t` between two frames.

    Args:
        first: The frame at 0.
        second: The frame at 1.
        motion: From first to second, as seen at `t`; of any size with the picture's shape.
        t: Between 0 and 1, exclusive.
        pts: Of the new frame; its duration is left to the caller.
        facts: Of all three.
    """
    drawn = new_frame(facts, pts, 0)
    start = end = motion[:0]
    for number, target in enumerate(drawn.planes):
        if target.shape != start.shape[:2]:
            path, places = grown(motion, *target.shape), _places(*target.shape)
            start, end = cv2.scaleAdd(path, -t, places), cv2.scaleAdd(path, 1 - t, places)
        weights = _CHROMA if number else _LUMA
        earlier = _moved(on_host(first.planes[number]), start, weights)
        later = _moved(on_host(second.planes[number]), end, weights)
        mixed = cv2.addWeighted(earlier, 1 - t, later, t, 0)
        if facts.depth > 8:  # cubic weights swing over; eight bits saturate by themselves
            mixed = np.minimum(mixed, (1 << facts.depth) - 1)
        np.copyto(target, np.asarray(mixed), casting="same_kind")
    return drawn


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> NDArray[np.float32]:
    rows, columns = np.indices((height, width), np.float32)
    places = np.dstack([columns, rows])
    places.setflags(write=False)
    return places


def _moved(plane: Plane, places: Any, weights: int) -> Any:
    nothing: Any = None  # OpenCV makes the maps' second half and the result itself
    return cv2.remap(plane, places, nothing, weights, borderMode=cv2.BORDER_REPLICATE)
