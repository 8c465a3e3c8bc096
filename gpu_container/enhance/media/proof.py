"""The finished file, read again: what it holds, and that it is what was promised."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream

from enhance.media.index import main_stream
from enhance.media.opening import opened
from enhance.media.splice import JoinError

_COARSE = {"mkv": Fraction(1, 2000), "webm": Fraction(1, 2000)}
"""Matroska counts milliseconds: half of one is rounding."""

_MOST_MOVED = Fraction(1, 5)


@dataclass(frozen=True, slots=True)
class Joined:
    """What the finished file holds, found by reading it again."""

    container: str
    width: int
    height: int
    """Coded, not as shown."""
    frames: int
    duration_s: float
    fps: float | None
    """Mean; None for a single frame."""
    size_bytes: int
    video_codec: str
    pixel_format: str
    audio_codec: str | None
    notes: tuple[str, ...]


@dataclass(slots=True)
class Sum:
    """Bytes that went through a stream, however they were cut into packets."""

    size_bytes: int = 0
    checksum: int = 0

    def add(self, data: bytes) -> None:
        """Take a packet's bytes."""
        self.size_bytes += len(data)
        self.checksum = zlib.crc32(data, self.checksum)


@dataclass(frozen=True, slots=True)
class Promise:
    """What the file must hold."""

    times: Sequence[Fraction]
    """Of the frames, in seconds, sorted."""
    sound: Sequence[Sum]
    """Per audio stream; empty where the container's change alters the bytes."""


@dataclass(slots=True)
class _Found:
    times: list[Fraction] = field(default_factory=list[Fraction])
    end: Fraction = Fraction(0)
    sound: dict[int, Sum] = field(default_factory=dict[int, Sum])


def prove(output: Path, container: str, promise: Promise, notes: tuple[str, ...]) -> Joined:
    """Read the file and compare.

    Raises:
        JoinError: `join_failed`.
    """
    with opened(output) as finished:
        stream = main_stream(finished)
        found = _read(finished, stream)
        moved = _compare(found, promise, _COARSE.get(container, Fraction(0)))
        if moved:
            late = f"{float(moved) * 1000:.0f} ms"
            notes += (f"everything is {late} later: {container} cannot start sound before 0",)
        context = stream.codec_context
        audio = next(iter(finished.streams.audio), None)
        span = (_end(stream) or found.end) - found.times[0]
        return Joined(
            container=container,
            width=context.width,
            height=context.height,
            frames=len(found.times),
            duration_s=round(float(span), 6),
            fps=_mean_rate(found.times),
            size_bytes=output.stat().st_size,
            video_codec=context.codec.canonical_name,
            pixel_format=context.pix_fmt or "",
            audio_codec=audio.codec_context.codec.canonical_name if audio else None,
            notes=notes,
        )


def _end(stream: Stream) -> Fraction | None:
    """Where an MP4's stream ends: its packets' durations stand in decoding order."""
    start, duration, base = stream.start_time, stream.duration, stream.time_base
    if start is None or duration is None or base is None:
        return None
    return (start + duration) * base


def _mean_rate(times: list[Fraction]) -> float | None:
    if len(times) < 2:
        return None
    return round(float((len(times) - 1) / (times[-1] - times[0])), 6)


def _read(finished: InputContainer, video: Stream) -> _Found:
    found = _Found(sound={stream.index: Sum() for stream in finished.streams.audio})
    try:
        for packet in finished.demux():
            base = packet.stream.time_base
            if packet.size == 0 or base is None:
                continue
            if packet.stream_index == video.index and packet.pts is not None:
                found.times.append(packet.pts * base)
                found.end = max(found.end, (packet.pts + (packet.duration or 0)) * base)
            elif packet.stream_index in found.sound:
                found.sound[packet.stream_index].add(bytes(packet))
    except FFmpegError as exc:
        raise JoinError("join_failed", f"The finished file cannot be read: {exc}.") from exc
    found.times.sort()
    return found


def _compare(found: _Found, promise: Promise, tolerance: Fraction) -> Fraction:
    """Say by how much everything stands later than promised: 0 but for Matroska."""
    if len(found.times) != len(promise.times):
        raise JoinError(
            "join_failed", f"{len(promise.times)} frames went in, {len(found.times)} came out."
        )
    # Matroska starts at 0 even where the sound's run-in lies before: then all times move together.
    moved = found.times[0] - promise.times[0]
    moved = moved if abs(moved) > tolerance > 0 else Fraction(0)
    for is_, due in zip(found.times, promise.times, strict=True):
        if abs(is_ - due - moved) > 2 * tolerance or abs(moved) > _MOST_MOVED:
            raise JoinError(
                "join_failed", f"A frame due at {float(due):.6f} s stands at {float(is_):.6f} s."
            )
    if promise.sound and list(found.sound.values()) != list(promise.sound):
        raise JoinError("join_failed", "The sound is not the source's, byte for byte.")
    return moved
