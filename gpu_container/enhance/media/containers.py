"""Which container can hold what."""

from __future__ import annotations

import io

import av
from av.error import FFmpegError
from av.stream import Stream

from enhance.errors import BadInputError

FORMATS = {"mp4": "mp4", "mkv": "matroska", "mov": "mov", "webm": "webm"}
"""The spec's word, FFmpeg's muxer."""

_VIDEO = {
    "mp4": ("h264", "hevc", "av1"),
    "mov": ("h264", "hevc", "prores"),
    "mkv": ("h264", "hevc", "av1", "prores"),
    "webm": ("av1",),
}


def holds_codec(container: str, codec: str) -> bool:
    """Tell whether a container takes one of our video codecs."""
    return codec in _VIDEO[container]


def require_codec(codec: str, container: str) -> None:
    """Refuse a pair that no player expects.

    Raises:
        BadInputError: `codec_not_in_container`.
    """
    if not holds_codec(container, codec):
        takes = " or ".join(name for name in FORMATS if holds_codec(name, codec))
        raise BadInputError(
            "codec_not_in_container",
            f"{container} does not hold {codec}: take {takes}, or another codec.",
        )


def holds_track(container: str, stream: Stream) -> bool:
    """Ask the muxer whether it takes a stream as it is, by writing a header with it alone."""
    if stream.type == "attachment":
        return container == "mkv"
    if stream.type == "video":
        return container != "webm"  # a cover
    try:
        with av.open(io.BytesIO(), "w", format=FORMATS[container]) as output:
            output.add_stream_from_template(stream, opaque=True)
            output.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def family(demuxer: str, brand: str) -> str | None:
    """Say which of our containers a source is in, if any.

    Args:
        demuxer: Its name, such as `matroska,webm`.
        brand: An MP4's `major_brand`; `qt` is QuickTime.
    """
    if demuxer.startswith("mov"):
        return "mov" if brand.strip() == "qt" else "mp4"
    return "mkv" if demuxer.startswith("matroska") else None
