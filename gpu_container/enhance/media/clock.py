"""Transport streams have a clock that can break: files cut together, a restarted encoder.

FFmpeg hands such times on as they are. Here the part after a break is moved to follow the part
before it, by byte position, so that every reader of the file moves the same packets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from enhance.media.facts import Jump

_FORWARD_S = 10
_BACKWARD_S = 1
"""Steps that no recording makes between neighbouring packets of one stream. Shorter gaps are kept:
they are pauses."""
CLOCKED = ("mpegts", "mpeg")
"""Their clock starts anywhere, too."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Times and place of one packet of video."""

    pts: int
    dts: int | None
    pos: int | None
    key: bool
    duration: int


@dataclass(frozen=True, slots=True)
class _Seen:
    dts: int
    pos: int
    step: int


class Survey:
    """Looks for breaks while a file is read once."""

    def __init__(self, container: InputContainer, stream: Stream) -> None:
        self._active = container.format.name in CLOCKED
        self._video = stream.index
        self._seen: dict[int, list[_Seen]] = {}

    def see(self, packet: Packet[Any]) -> None:
        """Take a packet's time and place."""
        if self._active and packet.dts is not None and packet.pos is not None:
            seen = _Seen(packet.dts, packet.pos, packet.duration or 0)
            self._seen.setdefault(packet.stream_index, []).append(seen)

    def jumps(self) -> tuple[Jump, ...]:
        """Say where the video's clock breaks, and by how much what follows is to be moved."""
        others = [
            two.pos
            for index, seen in self._seen.items()
            for one, two in pairwise(seen)
            if index != self._video and _breaks(two.dts - one.dts)
        ]
        jumps: list[Jump] = []
        shift = 0
        for one, two in pairwise(self._seen.get(self._video, [])):
            if _breaks(two.dts - one.dts):
                shift += one.dts + one.step - two.dts
                # Sound of the new part may lie before its first picture.
                begin = min([two.pos, *(pos for pos in others if pos > one.pos)])
                jumps.append(Jump(pos=begin, shift=shift))
        return tuple(jumps)


def _breaks(step: int) -> bool:
    return not -_BACKWARD_S * 90_000 <= step <= _FORWARD_S * 90_000


class Mover:
    """Moves packets, given in the order in which they are read, to where they belong."""

    def __init__(self, jumps: tuple[Jump, ...]) -> None:
        self._jumps = jumps
        self._last: dict[int, int] = {}

    def shift(self, stream: int, pos: int | None) -> int:
        """Say how far a packet is moved, in ticks of 1/90000 s.

        Args:
            stream: Its index.
            pos: Its place in the file; None where it came in one piece with the packet before.
        """
        if pos is not None:
            passed = [jump.shift for jump in self._jumps if pos >= jump.pos]
            self._last[stream] = passed[-1] if passed else 0
        return self._last.get(stream, 0)

    def move(self, packet: Packet[Any]) -> None:
        """Move a packet."""
        if not self._jumps:
            return
        shift = self.shift(packet.stream_index, packet.pos)
        if packet.pts is not None:
            packet.pts += shift
        if packet.dts is not None:
            packet.dts += shift


def moved(stamps: list[Stamp], jumps: tuple[Jump, ...]) -> list[Stamp]:
    """Move one stream's stamps."""
    mover = Mover(jumps)
    shifts = (mover.shift(0, stamp.pos) for stamp in stamps)
    return [
        replace(stamp, pts=stamp.pts + shift, dts=None if stamp.dts is None else stamp.dts + shift)
        for stamp, shift in zip(stamps, shifts, strict=True)
    ]
