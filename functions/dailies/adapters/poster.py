"""Makes a poster of the first picture of a video that shows something."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, cast

import av
from av.filter import Graph
from av.video.frame import VideoFrame

_MAX_WIDTH: Final = 1280
_BRIGHT_ENOUGH: Final = 24
"""Mean luma (0 to 255) from which a picture is not black."""
_QUALITY: Final = "4"
"""FFmpeg's scale of 2 (best) to 31."""
_TURNS: Final = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}
"""Quarter turns that undo a display matrix' counter-clockwise rotation."""


class Poster:
    """Keeps the best picture offered so far."""

    def __init__(self) -> None:
        self._best: VideoFrame | None = None
        self._luma = -1.0

    def offer(self, frame: VideoFrame) -> bool:
        """Consider a picture; True when it is good enough and no further one is needed."""
        luma = _mean_luma(frame)
        if luma > self._luma:
            self._best, self._luma = frame, luma
        return luma >= _BRIGHT_ENOUGH

    def jpeg(self) -> bytes | None:
        """Return the poster, upright, at most 1280 wide; None before the first picture."""
        return _jpeg(_upright(self._best)) if self._best is not None else None


def _mean_luma(frame: VideoFrame) -> float:
    small = frame.reformat(width=64, height=36, format="gray")
    plane = small.planes[0]
    data, stride = bytes(plane), plane.line_size
    return sum(sum(data[y * stride : y * stride + 64]) for y in range(36)) / (64 * 36)


def _upright(frame: VideoFrame) -> VideoFrame:
    for direction in _TURNS.get(frame.rotation % 360, ()):
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=Fraction(1, 1000),
        )
        turn, sink = graph.add("transpose", direction), graph.add("buffersink")
        graph.link_nodes(source, turn, sink).configure()
        graph.push(frame)
        frame = cast("VideoFrame", graph.pull())
    return frame


def _jpeg(frame: VideoFrame) -> bytes:
    width = min(_MAX_WIDTH, frame.width)
    height = max(1, round(frame.height * width / frame.width))
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height = width, height
    codec.pix_fmt = "yuvj420p"
    codec.time_base = Fraction(1, 25)
    codec.options = {"qmin": _QUALITY, "qmax": _QUALITY}
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    packets = cast("list[Any]", [*codec.encode(picture), *codec.encode(None)])  # pyright: ignore[reportUnknownMemberType]
    return b"".join(bytes(packet) for packet in packets)
