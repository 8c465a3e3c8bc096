"""Opens files that may be hostile: known demuxers only, sizes checked before memory is taken."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Final, cast

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from enhance.analysis.errors import AnalysisError
from enhance.analysis.results import ContainerFacts, StreamEntry, VideoFacts

Source = str | Path | IO[bytes]
MAX_SIDE: Final = 16384
MAX_PIXELS: Final = 8192 * 8192
_OPTIONS: Final = {
    # files that name other files (playlists, concat scripts, data references) stay closed
    "format_whitelist": "mov,mp4,matroska,webm,mpegts,mpeg,avi,flv,ogg,gif,mxf,asf,nut,ivf,h264,"
    "hevc,obu,mpegvideo,png_pipe,jpeg_pipe,webp_pipe,mjpeg,apng,yuv4mpegpipe",
    "protocol_whitelist": "file",
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "max_streams": "64",
    # the opening itself decodes a picture or two
    "max_pixels": str(MAX_PIXELS),
}
_KINDS: Final = ("video", "audio", "subtitle", "attachment")


def opened(source: Source) -> InputContainer:
    """Return the open file.

    Raises:
        av.error.FFmpegError: it is not there, or none of the known demuxers takes it.
    """
    file = f"file:{source}" if isinstance(source, str | Path) else source
    container = av.open(cast("Any", file), "r", options=dict(_OPTIONS), metadata_errors="replace")
    return cast("InputContainer", container)


def first_picture_stream(container: InputContainer) -> VideoStream:
    """Return the first video stream that is no cover, ready to decode.

    Raises:
        AnalysisError: there is none (`no_video`), or its pictures are too large (`too_large`).
    """
    for stream in container.streams.video:
        codec = cast("Any", stream.codec_context)  # None where FFmpeg knows no decoder
        if Disposition.attached_pic in stream.disposition or codec is None:
            continue
        if max(codec.width, codec.height) > MAX_SIDE or codec.width * codec.height > MAX_PIXELS:
            raise AnalysisError(
                "too_large", f"The picture ({codec.width} x {codec.height}) is too large to decode."
            )
        codec.options = {"max_pixels": str(MAX_PIXELS)}
        codec.thread_type = "AUTO"
        return stream
    raise AnalysisError("no_video", "The file has no picture stream.")


def container_facts(container: InputContainer) -> ContainerFacts:
    """Return what the file says of itself."""
    return ContainerFacts(
        format=container.format.name,
        duration_s=None if container.duration is None else container.duration / av.time_base,
        size_bytes=container.size if container.size > 0 else None,
        bit_rate=container.bit_rate or None,
        chapters=len(container.chapters()),
        streams=[_entry(stream) for stream in container.streams],
    )


def _entry(stream: Stream) -> StreamEntry:
    codec = getattr(stream, "codec_context", None)
    return StreamEntry(
        index=stream.index,
        kind=cast("Any", stream.type if stream.type in _KINDS else "data"),
        codec=codec.name if codec is not None else None,
        language=stream.metadata.get("language"),
    )


def video_facts(stream: VideoStream, first: VideoFrame) -> VideoFacts:
    """Return the form of the pictures, as the first one shows it."""
    aspect = stream.sample_aspect_ratio
    return VideoFacts(
        index=stream.index,
        codec=stream.codec_context.name,
        width=first.width,
        height=first.height,
        pixel_format=first.format.name,
        rotation=round(first.rotation),
        sample_aspect=f"{aspect.numerator}:{aspect.denominator}" if aspect else "1:1",
        primaries=int(first.color_primaries),
        transfer=int(first.color_trc),
        matrix=int(first.colorspace),
        full_range=int(first.color_range) == 2 or "yuvj" in first.format.name,
    )
