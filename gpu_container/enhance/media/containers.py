"""Which container can hold what."""

from __future__ import annotations

import io

import av
from av.error import FFmpegError
from av.stream import Stream

from enhance.errors import BadInputError
from enhance.media.facts import Index
from enhance.media.opening import opened
from enhance.media.source import Source

FORMATS = {"mp4": "mp4", "mkv": "matroska", "mov": "mov", "webm": "webm"}
"""The spec's word, FFmpeg's muxer."""

_VIDEO = {
    "mp4": ("h264", "hevc", "av1"),
    "mov": ("h264", "hevc", "prores"),
    "mkv": ("h264", "hevc", "av1", "prores"),
    "webm": ("av1",),
}


_WEB = ("vp8", "vp9")
"""In Matroska: a WebM file, most likely."""


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


def is_copied(stream: Stream, index: Index) -> bool:
    """Tell the kinds that are carried over: sound, text, attachments, covers."""
    if stream.index == index.stream:
        return False
    if stream.type == "video":
        return any(t.index == stream.index and t.kind == "cover" for t in index.tracks)
    return stream.type in ("audio", "subtitle", "attachment")


def output_container(source: Source, codec: str, asked: str | None) -> tuple[str, tuple[str, ...]]:
    """Say which container the result gets, and why if it is not the one asked for.

    Sound and text are copied, never coded anew, so they decide too.

    Args:
        source: Its tracks are to fit.
        codec: `Encoding.codec`.
        asked: `mp4`, `mkv`, `mov`, `webm`; None: as the source, where that can be.

    Raises:
        BadInputError: `codec_not_in_container`.
    """
    if asked:
        require_codec(codec, asked)
    with opened(source.media) as container:
        own = family(container.format.name, container.metadata.get("major_brand", ""))
        if own == "mkv" and source.index.codec in _WEB and holds_codec("webm", codec):
            own = "webm"
        wish = asked or own or "mp4"
        streams = [stream for stream in container.streams if is_copied(stream, source.index)]
        names = dict.fromkeys([wish, "mov" if codec == "prores" else "mkv", "mkv", "mp4", "mov"])
        able = [name for name in names if holds_codec(name, codec)]
        fitting = [n for n in able if all(holds_track(n, stream) for stream in streams)]
        chosen = (fitting or able)[0]
        strangers = [_name(stream) for stream in streams if not holds_track(wish, stream)]
    if chosen == wish:
        return chosen, ()
    why = ", ".join(strangers) or codec
    return chosen, (f"{chosen} instead of {wish}, which does not hold {why}",)


def _name(stream: Stream) -> str:
    return getattr(stream, "name", None) or stream.type
