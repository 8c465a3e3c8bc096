"""Looks into video files with PyAV. Imported by Probe only: the bytes are hostile.

Whatever a file claims is bounded before it costs anything: one demuxer, a short list of decoders,
a limit on picture size, packets and frames, no threads, no access to other files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, cast

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from dailies.adapters.poster import Poster
from dailies.adapters.ranged_reader import RangedReader
from dailies.domain.assets import MediaFacts
from dailies.domain.errors import AssetError
from dailies.domain.ports import Inspection, MediaStore

MAX_SIDE_PIXELS: Final = 8192
_MAX_PACKETS: Final = 2000
_MAX_FRAMES: Final = 240
_DECODERS: Final = frozenset({"h264", "hevc", "av1", "libdav1d", "vp9", "mpeg4"})
_DEMUXER: Final = "mov"
_OPTIONS: Final = {
    "probesize": str(8 * 1024 * 1024),
    "analyzeduration": "5000000",
    "max_streams": "16",
    "enable_drefs": "0",
    "use_absolute_path": "0",
}


class AvInspector:
    """The Inspector port over PyAV and the media bucket."""

    def __init__(self, media: MediaStore) -> None:
        self._media = media

    def inspect(self, key: str, size_bytes: int, *, sha256: str | None = None) -> Inspection:
        """Return what decoding an MP4 shows; its SHA-256 is computed where `sha256` is not given.

        Raises:
            AssetError: it cannot be decoded (`undecodable`).
            StorageError: the bucket did not answer.
        """
        file = RangedReader(self._media, key, size_bytes)
        try:
            with av.open(
                cast("Any", file),
                "r",
                format=_DEMUXER,
                options=_OPTIONS,
                metadata_errors="replace",  # titles in Latin-1 are no reason to refuse a file
            ) as container:
                media, poster = _look(cast("InputContainer", container))
        except (FFmpegError, ValueError, OverflowError, MemoryError) as exc:
            raise AssetError("undecodable", f"The file cannot be decoded: {_reason(exc)}.") from exc
        return Inspection(media, poster, sha256 or self._sha256(key))

    def _sha256(self, key: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._media.stream(key):
            digest.update(chunk)
        return digest.hexdigest()


def _reason(exc: Exception) -> str:
    return (getattr(exc, "strerror", None) or type(exc).__name__).rstrip(".")


def _look(container: InputContainer) -> tuple[MediaFacts, bytes | None]:
    if not container.streams.video:
        raise AssetError("undecodable", "The file has no picture.")
    stream = container.streams.video[0]
    _limit(cast("VideoCodecContext | None", stream.codec_context))
    poster = Poster()
    first: VideoFrame | None = None
    for frame in _frames(container, stream):
        _check_size(frame.width, frame.height)
        first = first or frame
        if poster.offer(frame):
            break
    if first is None:
        raise AssetError("undecodable", "The file has no picture that can be decoded.")
    return _facts(container, stream, first), poster.jpeg()


def _limit(codec: VideoCodecContext | None) -> None:
    if codec is None or codec.name not in _DECODERS:  # None: FFmpeg knows no decoder for it
        raise AssetError("undecodable", "The file's video codec is not one that is usual in MP4.")
    _check_size(codec.width, codec.height)
    codec.thread_count = 1
    codec.options = {"max_pixels": str(MAX_SIDE_PIXELS * MAX_SIDE_PIXELS)}


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE_PIXELS or min(width, height) < 1:
        raise AssetError("undecodable", f"The picture's size ({width} x {height}) is not usable.")


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Decode the first pictures; a broken packet is passed over as long as others decode."""
    frames = 0
    for number, packet in enumerate(container.demux(stream)):
        if number >= _MAX_PACKETS or frames >= _MAX_FRAMES:
            return
        try:
            decoded = packet.decode()
        except InvalidDataError:
            continue
        frames += len(decoded)
        yield from decoded


def _facts(container: InputContainer, stream: VideoStream, first: VideoFrame) -> MediaFacts:
    width, height = first.width, first.height
    if first.rotation % 180:
        width, height = height, width
    rate = stream.average_rate
    audio = container.streams.audio[0] if container.streams.audio else None
    sound = audio.codec_context if audio is not None else None
    return MediaFacts(
        container="mp4",
        duration_s=_duration_s(container, stream),
        width=width,
        height=height,
        fps=round(float(rate), 3) if rate else None,
        frames=stream.frames or None,
        video_codec=stream.codec_context.name,
        pixel_format=first.format.name,
        audio_codec=sound.name if sound is not None else None,
        sample_rate_hz=sound.sample_rate or None if sound is not None else None,
        channels=sound.layout.nb_channels or None if sound is not None else None,
    )


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return round(float(stream.duration * stream.time_base), 3)
    return round(container.duration / av.time_base, 3) if container.duration else None
