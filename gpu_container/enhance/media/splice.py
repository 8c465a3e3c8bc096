"""The video packets of all chunks as one stream: places in time, and decoding times, made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.stream import VideoStream

from enhance.errors import EnhanceError
from enhance.media import timing
from enhance.media.encode import ChunkFacts


class JoinError(EnhanceError):
    """Chunks that do not fit together, or a result that is not what they hold: our defect."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk file that lies here, and what its writer said of it."""

    path: Path
    facts: ChunkFacts


class Splice:
    """Chunks in the order of time, each held to its facts."""

    def __init__(self, chunks: Sequence[Chunk], time_base: Fraction) -> None:
        """Read the times of every packet.

        Raises:
            JoinError: `chunks_missing`, `chunk_damaged`, `chunks_differ`, `chunks_overlap`.
        """
        if not any(chunk.facts.pts for chunk in chunks):
            raise JoinError("chunks_missing", "There is not one frame to join.")
        self._chunks = [chunk for chunk in chunks if chunk.facts.pts]
        self._time_base = time_base
        headers = {chunk.facts.extradata_sha256 for chunk in self._chunks}
        if len(headers) > 1:
            encoders = ", ".join(sorted({chunk.facts.encoder for chunk in self._chunks}))
            raise JoinError(
                "chunks_differ", f"The chunks were coded in different ways: {encoders}."
            )
        for one, two in pairwise(self._chunks):
            if two.facts.pts[0] <= one.facts.pts[-1]:
                raise JoinError(
                    "chunks_overlap", f"{two.path.name} begins before {one.path.name} ends."
                )
        coded = [pts for chunk in self._chunks for pts in self._times(chunk)]
        self._dts = timing.decode_times(coded)
        self.shown = sorted(coded)
        """Of all frames, in the source's time base."""

    @property
    def last_duration(self) -> int:
        """Of the last frame."""
        return self._chunks[-1].facts.last_duration

    @property
    def template(self) -> Path:
        """A file whose stream is like the whole."""
        return self._chunks[0].path

    def packets(self, target: VideoStream, ticks: int) -> Iterator[tuple[float, Packet[Any]]]:
        """Yield the packets, in the order of decoding, with that time in seconds.

        Args:
            target: The stream they go to.
            ticks: To add to every time.
        """
        durations = {a: b - a for a, b in pairwise(self.shown)}
        durations[self.shown[-1]] = self.last_duration
        place = iter(self._dts)
        for chunk in self._chunks:
            with av.open(f"file:{chunk.path}") as container:
                stream = container.streams.video[0]
                for packet in container.demux(stream):
                    if packet.size == 0 or packet.pts is None:
                        continue
                    pts = self._in_source(packet.pts, stream, chunk)
                    dts = next(place)
                    packet.time_base = self._time_base
                    packet.pts, packet.dts = pts + ticks, dts + ticks
                    packet.duration = durations[pts]
                    packet.stream = target
                    yield float((dts + ticks) * self._time_base), packet

    def _times(self, chunk: Chunk) -> list[int]:
        with chunk.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with av.open(f"file:{chunk.path}") as container:
            stream = container.streams.video[0]
            times = [
                self._in_source(packet.pts, stream, chunk)
                for packet in container.demux(stream)
                if packet.size and packet.pts is not None
            ]
        if digest != chunk.facts.sha256 or sorted(times) != list(chunk.facts.pts):
            raise JoinError("chunk_damaged", f"{chunk.path.name} is not what was written.")
        return times

    def _in_source(self, pts: int, stream: VideoStream, chunk: Chunk) -> int:
        # A muxer may count finer than the source, by a whole factor.
        time = Fraction(pts) * (stream.time_base or 1) / self._time_base
        return chunk.facts.pts[0] + int(time)
