"""What lies beside the video, copied packet by packet: sound, text, chapters, covers, tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from enhance.media import clock
from enhance.media.containers import holds_track, is_copied
from enhance.media.facts import Index
from enhance.media.opening import BROKEN, Media, opened
from enhance.media.proof import Sum

_OLD_FILES_OWN = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "bps",
    "number_of_frames",
    "number_of_bytes",
}
"""Tags that describe the old file, not the work."""
_PICTURES = {"mjpeg": ("jpg", "image/jpeg")}
_PHONES = ("com.apple.", "com.android.")
_REFRAMED = (*clock.CLOCKED, "aac")
"""Containers that wrap each packet of sound in a header that others do not: its bytes change."""


@dataclass(slots=True)
class _Copy:
    source: Stream
    target: Stream
    kind: str
    """Kept here: a stream of a closed container must not be asked (PyAV crashes)."""
    sum: Sum = field(default_factory=Sum)
    dts: int | None = None
    skipped: int = 0
    damaged: int = 0

    def takes(self, packet: Packet[Any]) -> bool:
        """Add a packet up, unless its time is over: no container takes those of a damaged file."""
        if packet.dts is not None:
            # Lines of text may share a time; sound may not.
            if self.dts is not None and packet.dts < self.dts + (self.kind == "audio"):
                self.skipped += 1
                return False
            self.dts = packet.dts
        self.sum.add(bytes(packet))
        return True


class Tracks:
    """The streams of the source that the result carries."""

    def __init__(self, media: Media, source: InputContainer, index: Index, container: str) -> None:
        """Choose the streams that the container holds.

        Args:
            media: The source's file.
            source: The same, opened.
            index: Of it.
            container: Of the result.
        """
        self._media = media
        self._source = source
        self._index = index
        self._copies: dict[int, _Copy] = {}
        self.notes: list[str] = []
        self._chosen = [stream for stream in source.streams if self._fits(stream, container)]

    def _fits(self, stream: Stream, container: str) -> bool:
        if stream.index == self._index.stream:
            return False
        if is_copied(stream, self._index) and holds_track(container, stream):
            return True
        if not (stream.type == "data" and self._index.chapters):
            # (Such a track holds the chapters' titles, which are written anew.)
            name = _codec_name(stream)
            self.notes.append(f"left out: stream {stream.index} ({stream.type}, {name})")
        return False

    def starts(self) -> list[Fraction]:
        """List when the chosen streams start, in seconds."""
        chosen = {stream.index for stream in self._chosen}
        return [
            track.start * track.time_base
            for track in self._index.tracks
            if track.index in chosen and track.start is not None and track.time_base
        ]

    def early(self) -> Fraction:
        """Say by how many seconds sound starts before 0, beyond its decoder's delay.

        (Matroska takes no times before 0 but those that such a delay accounts for.)
        """
        starts = {track.index: (track.start, track.time_base) for track in self._index.tracks}
        most = Fraction(0)
        for stream in self._chosen:
            start, base = starts.get(stream.index, (None, None))
            if stream.type != "audio" or start is None or base is None:
                continue
            context: Any = stream.codec_context  # None where FFmpeg knows no decoder
            delay = Fraction(context.delay, context.sample_rate or 1) if context else Fraction(0)
            most = max(most, -start * base - delay)
        return most

    def add_to(self, output: OutputContainer) -> None:
        """Make a stream for each."""
        for stream in self._chosen:
            if stream.type == "video" and output.format.name == "matroska":
                self._attach_cover(stream, output)
                continue
            target = output.add_stream_from_template(stream, opaque=True)
            target.metadata.update(_tags(stream.metadata))
            target.disposition = stream.disposition
            if stream.type != "attachment":
                self._copies[stream.index] = _Copy(stream, target, stream.type)

    def _attach_cover(self, stream: Stream, output: OutputContainer) -> None:
        """Matroska keeps covers as attached files."""
        kind = _codec_name(stream)
        suffix, mime = _PICTURES.get(kind, (kind, f"image/{kind}"))
        name = stream.metadata.get("filename", f"cover.{suffix}")
        mime = stream.metadata.get("mimetype", mime)
        # Read apart: seeking back would lose sound that starts before 0.
        with opened(self._media) as again:
            picture = next(p for p in again.demux(again.streams[stream.index]) if p.size)
            output.add_attachment(name, mime, bytes(picture))

    def packets(self, shift: Fraction) -> Iterator[tuple[float, Packet[Any]]]:
        """Yield their packets with their time in seconds, moved by `shift` seconds."""
        streams = [copy.source for copy in self._copies.values()]
        last = float("-inf")
        mover = clock.Mover(self._index.jumps)
        for packet in self._source.demux(streams) if streams else ():
            if packet.size == 0:
                continue
            copy = self._copies[packet.stream_index]
            mover.move(packet)
            if not copy.takes(packet):
                continue
            base = copy.source.time_base or Fraction(1, 1000)
            ticks = round(shift / base)
            if packet.pts is not None:
                packet.pts += ticks
            if packet.dts is not None:
                packet.dts += ticks
                last = float(packet.dts * base)
            packet.stream = copy.target
            yield last, packet

    def write(self, packet: Packet[Any], output: OutputContainer) -> None:
        """Write one of their packets; one too damaged for the container to wrap is left out."""
        try:
            output.mux(packet)
        except BROKEN:
            for copy in self._copies.values():
                copy.damaged += copy.target is packet.stream

    def damage(self) -> list[str]:
        """Say what of the streams could not be copied."""
        counts = [
            (index, count, why)
            for index, copy in self._copies.items()
            for count, why in (
                (copy.skipped, "whose time was over"),
                (copy.damaged, "that are damaged"),
            )
        ]
        return [f"stream {i}: {n} packets {why} are left out" for i, n, why in counts if n]

    def sums(self) -> list[Sum]:
        """Add up the sound that went through; nothing where its bytes change on the way."""
        if self._index.container in _REFRAMED:
            return []
        return [copy.sum for copy in self._copies.values() if copy.kind == "audio"]


def _codec_name(stream: Stream) -> str:
    return getattr(stream, "name", None) or "unknown"


def copy_tags(source: InputContainer, output: OutputContainer, shift: Fraction) -> None:
    """Carry over the file's tags and chapters."""
    output.metadata.update(_tags(source.metadata))
    chapters = source.chapters()
    for chapter in chapters:
        ticks = round(shift / (chapter["time_base"] or 1))
        chapter["start"] += ticks
        chapter["end"] += ticks
    if chapters:
        output.set_chapters(chapters)


def copy_video_tags(source: InputContainer, index: Index, target: VideoStream) -> None:
    """Carry over the video stream's tags and role."""
    stream = source.streams[index.stream]
    target.metadata.update(_tags(stream.metadata))
    target.disposition = stream.disposition


def has_phone_tags(source: InputContainer) -> bool:
    """Tell tags that MP4 keeps only in QuickTime's way: where and with what it was filmed."""
    return any(key.startswith(_PHONES) for key in source.metadata)


def _tags(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.lower() not in _OLD_FILES_OWN}
