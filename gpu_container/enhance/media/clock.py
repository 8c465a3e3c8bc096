"""Transport streams have a clock that can break: files cut together, a restarted encoder.

FFmpeg hands such times on as they are. Here the part after a break is moved to follow the part
before it, by byte position, so that every reader of the file moves the same packets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from enhance.media.facts import Jump

_FORWARD_S = 10
_BACKWARD_S = 1
"""Steps that no recording makes between neighbouring packets of one stream. Shorter gaps are kept:
they are pauses."""
_CLOCKED = ("mpegts", "mpeg")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Times and place of one packet of video."""

    pts: int
    dts: int | None
    pos: int | None
    key: bool
    duration: int


class Survey:
    """Looks for breaks while a file is read once."""

    def __init__(self, container: InputContainer, stream: Stream) -> None:
        self._active = container.format.name in _CLOCKED
        self._video = stream.index
        self._last: dict[int, int] = {}
        self._seen: list[tuple[int, int, int, int]] = []

    def see(self, packet: Packet[Any]) -> None:
        """Take a packet's time and place."""
        if self._active and packet.dts is not None and packet.pos is not None:
            step = packet.duration or 0
            self._seen.append((packet.stream_index, packet.dts, packet.pos, step))

    def jumps(self) -> tuple[Jump, ...]:
        """Say where the clock breaks, and by how much what follows is to be moved."""
        jumps: list[Jump] = []
        last: dict[int, tuple[int, int]] = {}
        for index, dts, pos, step in self._seen:
            shift = shift_at(pos, jumps)
            if index in last and _breaks(dts + shift - last[index][0]):
                # The first packet of another stream may lie before this one: the part begins where
                # any stream's clock breaks.
                begin = self._part_begin(pos, last, jumps)
                jumps.append(Jump(pos=begin, shift=sum(last[index]) - dts))
                shift = jumps[-1].shift
            last[index] = (dts + shift, step)
        return tuple(jumps)

    def _part_begin(self, pos: int, last: dict[int, tuple[int, int]], jumps: list[Jump]) -> int:
        shift = shift_at(pos, jumps)
        floor = jumps[-1].pos if jumps else -1
        broken = [
            at
            for index, dts, at, _ in self._seen
            if floor < at and index in last and _breaks(dts + shift - last[index][0])
        ]
        return min([pos, *(at for at in broken if at <= pos)])


def _breaks(step: int) -> bool:
    return not -_BACKWARD_S * 90_000 <= step <= _FORWARD_S * 90_000


def shift_at(pos: int | None, jumps: tuple[Jump, ...] | list[Jump]) -> int:
    """Say how far a packet at this place is moved, in its stream's ticks (1/90000 s)."""
    passed = [jump.shift for jump in jumps if pos is not None and pos >= jump.pos]
    return passed[-1] if passed else 0


def shifted(stamp: Stamp, jumps: tuple[Jump, ...]) -> Stamp:
    """Move a stamp."""
    shift = shift_at(stamp.pos, jumps)
    dts = None if stamp.dts is None else stamp.dts + shift
    return replace(stamp, pts=stamp.pts + shift, dts=dts)


def move(packet: Packet[Any], jumps: tuple[Jump, ...]) -> None:
    """Move a packet."""
    if not jumps:
        return
    shift = shift_at(packet.pos, jumps)
    if packet.pts is not None:
        packet.pts += shift
    if packet.dts is not None:
        packet.dts += shift
