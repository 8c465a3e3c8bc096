"""Between PyAV's frames and ours, without a copy where the memory allows."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from enhance.frames import Frame, Plane, StreamFacts

_SPLIT = {"nv12": "yuv420p", "p010le": "yuv420p10le"}
"""What a hardware decoder gives: U and V side by side; p010 holds its ten bits high."""


def views(frame: VideoFrame) -> tuple[Plane, ...]:
    """Show a decoded frame's planes; they live as long as the frame.

    Args:
        frame: Planar, or `nv12` / `p010le`.
    """
    if frame.format.name not in _SPLIT:
        wide = frame.format.components[0].bits > 8
        return tuple(_view(plane, plane.width, wide) for plane in frame.planes)
    wide = frame.format.name == "p010le"
    luma, chroma = frame.planes
    y = _view(luma, luma.width, wide)
    uv = _view(chroma, 2 * chroma.width, wide)
    if wide:
        y, uv = y >> np.uint16(6), uv >> np.uint16(6)
    return y, uv[:, 0::2], uv[:, 1::2]


def planar_name(name: str) -> str:
    """Say what format the views of a frame have."""
    return _SPLIT.get(name, name)


def _view(plane: VideoPlane, width: int, wide: bool) -> Any:
    memory: Any = plane  # it has the buffer protocol; its stub does not say so
    flat = np.frombuffer(memory, np.uint16 if wide else np.uint8)
    rows = flat.reshape(plane.height, -1)
    # A negative line size means that the rows lie bottom up.
    rows = rows[::-1] if plane.line_size < 0 else rows
    return rows[:, :width]


def new_frame(facts: StreamFacts, pts: int, duration: int) -> Frame:
    """Make a frame whose planes are to be written into, in memory that the encoder reads."""
    owner = VideoFrame(facts.width, facts.height, facts.format)
    return Frame(views(owner), pts, duration, owner=owner)


def to_video_frame(frame: Frame, facts: StreamFacts) -> VideoFrame:
    """Give the encoder a frame: without a copy if its owner still holds these planes.

    Raises:
        ValueError: planes whose shape is not what `facts` say.
    """
    owner = frame.owner
    if not (isinstance(owner, VideoFrame) and _holds(owner, frame, facts)):
        owner = VideoFrame(facts.width, facts.height, facts.format)
        targets = views(owner)
        if len(targets) != len(frame.planes):
            raise ValueError(f"{facts.format} has {len(targets)} planes, not {len(frame.planes)}")
        for target, plane in zip(targets, frame.planes, strict=True):
            np.copyto(target, plane, casting="no")
    owner.pts = frame.pts
    owner.duration = frame.duration
    owner.time_base = Fraction(facts.time_base)
    return owner


def with_chroma(frame: Frame, facts: StreamFacts) -> tuple[Frame, StreamFacts]:
    """Give a grey frame the chroma of grey: 4:2:0, or 4:4:4 for an odd size.

    (FFmpeg's own conversion takes every grey picture for full range.)
    """
    odd = facts.width % 2 or facts.height % 2
    side = 1 if odd else 2
    name = facts.format.replace("gray", "yuv444p" if odd else "yuv420p")
    coloured = replace(facts, format=name, chroma_w=side, chroma_h=side)
    made = new_frame(coloured, frame.pts, frame.duration)
    np.copyto(made.planes[0], frame.planes[0], casting="no")
    for plane in made.planes[1:]:
        plane[:] = 1 << (facts.depth - 1)
    return made, coloured


def _holds(owner: VideoFrame, frame: Frame, facts: StreamFacts) -> bool:
    if (owner.format.name, owner.width, owner.height) != (facts.format, facts.width, facts.height):
        return False
    return all(
        mine.ctypes.data == theirs.ctypes.data and mine.strides == theirs.strides
        for mine, theirs in zip(views(owner), frame.planes, strict=True)
    )
