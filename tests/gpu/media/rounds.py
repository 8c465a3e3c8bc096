"""A file through the media layer and back: every chunk coded alone, then joined."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from enhance.media import (
    Chunk,
    ChunkWriter,
    DecodeReport,
    Encoding,
    Index,
    Joined,
    Source,
    choose_encoding,
    frames,
    join,
    open_source,
    scan,
)
from enhance.spec import Convert


@dataclass
class Round:
    source: Source
    encoding: Encoding
    chunks: list[Chunk]
    reports: list[DecodeReport]
    path: Path
    joined: Joined

    @property
    def index(self) -> Index:
        return scan(self.path)


def code_chunks(
    source: Source, encoding: Encoding, folder: Path, size: int
) -> tuple[list[Chunk], list[DecodeReport]]:
    pts = [*source.index.pts, source.index.end]
    chunks: list[Chunk] = []
    reports: list[DecodeReport] = []
    for first in range(0, len(pts) - 1, size):
        start, end = pts[first], pts[min(first + size, len(pts) - 1)]
        path = folder / f"{first}.{encoding.container}"
        reports.append(DecodeReport())
        with ChunkWriter(path, encoding, source.facts) as writer:
            for frame in frames(source, start, end, report=reports[-1]):
                writer.write(frame)
        chunks.append(Chunk(path, writer.facts))
    return chunks, reports


def go_round(media: Path, folder: Path, *, size: int = 7, **convert: Any) -> Round:
    source = open_source(media)
    wish = Convert(**{"preset": "ultrafast", **convert} if not convert.get("codec") else convert)
    encoding = choose_encoding(
        wish, source, source.facts, "cpu", interlaced=source.index.interlaced
    )
    chunks, reports = code_chunks(source, encoding, folder, size)
    path = folder / "joined"
    joined = join(source, chunks, path, container=wish.container)
    return Round(source, encoding, chunks, reports, path, joined)


def times(index: Index) -> list[Fraction]:
    """When frames are shown, in seconds from the start of the earliest stream."""
    return [pts * index.time_base for pts in index.pts]


def sound(path: Path) -> list[tuple[int, int, Fraction, str | None]]:
    """Packets, their checksum, the first one's time and the language, per audio stream."""
    with av.open(f"file:{path}") as container:
        found: dict[int, list[Any]] = {s.index: [0, 0, None] for s in container.streams.audio}
        for packet in container.demux(*container.streams.audio) if found else ():
            if packet.size:
                entry = found[packet.stream_index]
                entry[0] += 1
                entry[1] = zlib.crc32(bytes(packet), entry[1])
                if entry[2] is None:
                    entry[2] = packet.pts * packet.time_base
        return [(*found[s.index], s.language) for s in container.streams.audio]
