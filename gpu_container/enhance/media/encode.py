"""Chunks: video alone, coded once, in files that join packet by packet."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream
from pydantic import BaseModel, ConfigDict

from enhance.frames import Frame, StreamFacts
from enhance.media.encoding import Encoding, configure
from enhance.media.facts import Timestamps
from enhance.media.planes import to_video_frame, with_chroma

_MOST_REORDERED = 16
"""Frames that a decoder may hold (H.264 A.3.1, H.265 A.4.2), so no encoder reorders more."""


class ChunkFacts(BaseModel):
    """What a chunk file holds; lies beside it as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    v: int = 1
    pts: Timestamps
    """Of its frames, in the source's time base, sorted. In the file they begin at 0."""
    last_duration: int
    size_bytes: int
    sha256: str
    encoder: str
    extradata_sha256: str
    """Of the codec's headers: equal in all chunks that join."""


class ChunkWriter:
    """Writes one chunk file: a context manager; a block left by an exception leaves no facts."""

    def __init__(self, path: Path, encoding: Encoding, facts: StreamFacts) -> None:
        self._path = path
        self._encoding = encoding
        self._facts = facts
        self._pts: list[int] = []
        self._coded = 0
        self._last_duration = 0
        self._open = ExitStack()
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._result: ChunkFacts | None = None

    def __enter__(self) -> Self:
        self._output = self._open.enter_context(
            av.open(f"file:{self._path}", "w", format=self._encoding.container)
        )
        self._stream = open_stream(self._output, self._encoding, self._facts)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._open.close()
            return
        _, stream = self._running()
        if self._pts:
            self._mux(stream.encode(None))
        else:
            self._path.touch()  # a range of which nothing could be decoded
        extradata = stream.codec_context.extradata or b""
        self._open.close()
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._result = ChunkFacts(
            pts=tuple(self._pts),
            last_duration=self._last_duration,
            size_bytes=self._path.stat().st_size,
            sha256=digest,
            encoder=self._encoding.encoder,
            extradata_sha256=hashlib.sha256(extradata).hexdigest(),
        )

    def write(self, frame: Frame) -> None:
        """Encode one frame.

        Raises:
            ValueError: its time is not after the one before, or its planes have another shape.
        """
        _, stream = self._running()
        if self._pts and frame.pts <= self._pts[-1]:
            raise ValueError(f"a frame at {frame.pts} after one at {self._pts[-1]}")
        self._pts.append(frame.pts)
        self._last_duration = frame.duration
        facts = self._facts
        if facts.chroma_w == 0:
            frame, facts = with_chroma(frame, facts)
        picture = to_video_frame(frame, facts)
        picture.pts = frame.pts - self._pts[0]
        # A decoded frame still says how the source coded it, and encoders obey that.
        picture.pict_type = PictureType.NONE
        self._mux(stream.encode(picture))

    def _mux(self, packets: list[Packet]) -> None:
        """Write packets, with decoding times of our own: x265's are wrong in very short chunks.

        They are the showing times in order, held back by the most that any stream reorders. Joining
        makes better ones.
        """
        output, _ = self._running()
        for packet in packets:
            place = self._coded - _MOST_REORDERED
            packet.dts = self._pts[place] - self._pts[0] if place >= 0 else place
            self._coded += 1
            output.mux(packet)

    def _running(self) -> tuple[OutputContainer, VideoStream]:
        if self._output is None or self._stream is None:
            raise RuntimeError("use the writer in a with block")
        return self._output, self._stream

    @property
    def facts(self) -> ChunkFacts:
        """What was written, once the block has ended without an exception."""
        if self._result is None:
            raise RuntimeError("the chunk is not finished")
        return self._result


def open_stream(output: OutputContainer, encoding: Encoding, facts: StreamFacts) -> VideoStream:
    """Add the stream to a container."""
    stream = output.add_stream(encoding.encoder, time_base=facts.time_base)
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{encoding.encoder} does not encode video")
    configure(stream.codec_context, encoding, facts)
    return stream
