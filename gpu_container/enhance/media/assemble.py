"""Chunks and the source's other streams, joined into the finished file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enhance.media.encode import ChunkFacts
from enhance.media.source import Source


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk file that lies here, and what its writer said of it."""

    path: Path
    facts: ChunkFacts


@dataclass(frozen=True, slots=True)
class Joined:
    """The finished file, read again after it was written."""

    container: str
    width: int
    height: int
    frames: int
    duration_s: float
    fps: float | None
    size_bytes: int
    video_codec: str
    pixel_format: str
    audio_codec: str | None
    notes: tuple[str, ...]


def output_container(source: Source, codec: str, asked: str | None) -> tuple[str, tuple[str, ...]]:
    """Say which container the result gets, and why if it is not the one asked for.

    Args:
        source: Its tracks must fit.
        codec: `Encoding.codec`.
        asked: `mp4`, `mkv`, `mov`, `webm`; None: as the source, where that can be.

    Raises:
        BadInputError: `codec_not_in_container`.
    """
    raise NotImplementedError


def join(
    source: Source, chunks: Sequence[Chunk], output: Path, *, container: str | None = None
) -> Joined:
    """Write `output`, then read it again and hold it to what the chunks promised.

    Args:
        source: Audio, subtitles, chapters, attachments, tags and rotation come from it.
        chunks: In the order of time; together they hold every frame of the result.
        output: Must not exist; half a file is left there if this raises.
        container: As asked in the spec.

    Raises:
        BadInputError: `codec_not_in_container`.
        JoinError: chunks that do not fit together, or a result that is not what they hold.
    """
    raise NotImplementedError
