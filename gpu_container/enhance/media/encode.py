"""Chunks: video alone, coded once, in files that join packet by packet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict

from enhance.frames import Frame, StreamFacts
from enhance.media.facts import Hdr, Timestamps
from enhance.media.source import Source
from enhance.spec import Convert


@dataclass(frozen=True, slots=True)
class Encoding:
    """How frames are coded: the same for every chunk of a task."""

    codec: str
    """`h264`, `hevc`, `av1`, `prores`."""
    encoder: str
    """As FFmpeg names it: `libx264`, `hevc_nvenc` …"""
    pixel_format: str
    options: tuple[tuple[str, str], ...]
    hdr: Hdr = Hdr()
    notes: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Of a chunk file: `mp4`, or `mov` for ProRes."""
        return "mov" if self.codec == "prores" else "mp4"


def choose_encoding(
    convert: Convert | None, source: Source, facts: StreamFacts, device: str
) -> Encoding:
    """Choose encoder and settings.

    Raises:
        BadInputError: `codec_not_in_container`, `size_unsupported`, `encoder_refused`.
    """
    raise NotImplementedError


class ChunkFacts(BaseModel):
    """What a chunk file holds; lies beside it as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    v: int = 1
    pts: Timestamps
    """Of its frames, in the source's time base, sorted."""
    last_duration: int
    size_bytes: int
    sha256: str
    encoder: str
    extradata_sha256: str


class ChunkWriter:
    """Context manager that writes one chunk file; a block left by an exception leaves no facts."""

    def __init__(self, path: Path, encoding: Encoding, facts: StreamFacts) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    def write(self, frame: Frame) -> None:
        """Encode one frame; `pts` must grow."""
        raise NotImplementedError

    @property
    def facts(self) -> ChunkFacts:
        """Once the block has ended without an exception."""
        raise NotImplementedError
