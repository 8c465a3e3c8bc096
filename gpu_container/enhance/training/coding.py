"""Coded pictures: what a luma sequence looks like after a lossy encoder."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from enhance.training.photos import Luma


def coded(frames: Sequence[Luma], codec: str, options: dict[str, str]) -> list[Luma]:
    """Encode and decode luma frames of one size; as many come back, of the same size.

    Args:
        frames: All of one size, both edges even.
        codec: An encoder of FFmpeg's that takes yuv420p, such as `libx264` or `mpeg4`.
        options: Its private options, such as `{"crf": "23", "preset": "veryfast"}`.
    """
    file = io.BytesIO()
    write(file, frames, codec, options)
    file.seek(0)
    with av.open(file, "r") as source:
        return [luma_of(frame) for frame in source.decode(video=0)]


def write(
    file: Path | io.BytesIO, frames: Sequence[Luma], codec: str, options: dict[str, str]
) -> None:
    """Encode luma frames into a Matroska file; arguments as of `coded`."""
    target = str(file) if isinstance(file, Path) else file
    with av.open(target, "w", format="matroska") as container:
        stream = cast(av.VideoStream, container.add_stream(codec, rate=25, options=options))
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for luma in frames:
            container.mux(stream.encode(as_frame(luma)))
        container.mux(stream.encode(None))


def as_frame(luma: Luma) -> av.VideoFrame:
    """A grey frame of it, in yuv420p; both edges even."""
    height, width = luma.shape
    grey = np.full((height // 2, width), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack((luma, grey)), format="yuv420p")


def luma_of(frame: av.VideoFrame) -> Luma:
    """A copy of an 8-bit frame's luma plane."""
    plane = frame.planes[0]
    rows = np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width].copy()
