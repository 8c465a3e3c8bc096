"""What the first decoded frame tells about the picture."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TypedDict

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from enhance.frames import Colour
from enhance.media.hdr import side_data

Matrix = tuple[int, ...]
_UPRIGHT: Matrix = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_TOP_FIRST, _BOTTOM_FIRST = (2, 5), (3, 4)
"""AVFieldOrder of libavcodec/defs.h: TT, BT; BB, TB (coded first, displayed first)."""


class PictureFacts(TypedDict):
    """Fields of `Index`."""

    width: int
    height: int
    pixel_format: str
    sample_aspect: Fraction
    colour: Colour
    display_matrix: Matrix | None
    rotation: int
    flipped: bool
    interlaced: bool
    top_field_first: bool


def picture_facts(frame: VideoFrame, stream: VideoStream) -> PictureFacts:
    """Read size, colour, shape, orientation and fields."""
    matrix = _display_matrix(frame)
    order = stream.codec_context.field_order
    return PictureFacts(
        width=frame.width,
        height=frame.height,
        pixel_format=frame.format.name,
        sample_aspect=stream.sample_aspect_ratio or Fraction(1),
        colour=_colour(frame),
        display_matrix=matrix,
        rotation=round(frame.rotation / 90) * 90 % 360 if matrix else 0,
        flipped=bool(matrix) and matrix[0] * matrix[4] - matrix[1] * matrix[3] < 0,
        interlaced=frame.interlaced_frame or order in _TOP_FIRST + _BOTTOM_FIRST,
        # Where nothing is said: the usual order of everything but DV.
        top_field_first=order not in _BOTTOM_FIRST,
    )


def _colour(frame: VideoFrame) -> Colour:
    full = {1: False, 2: True}.get(int(frame.color_range))
    if frame.format.name.startswith("yuvj"):
        full = True
    return Colour(
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        matrix=int(frame.colorspace),
        full_range=full,
    )


def _display_matrix(frame: VideoFrame) -> Matrix | None:
    for entry in side_data(frame):
        if entry.type is Type.DISPLAYMATRIX:
            matrix = struct.unpack_from("=9i", bytes(entry))
            return None if matrix[:6] == _UPRIGHT[:6] else matrix
    return None
