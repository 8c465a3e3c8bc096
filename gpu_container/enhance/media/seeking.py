"""From a time to the packets that lead there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from enhance.media import clock
from enhance.media.facts import Index, Keyframe

_EARLIER = 3
"""How many keyframes before the wanted one are tried, where a container lands too late."""


def keyframes_before(index: Index, pts: int) -> list[Keyframe | None]:
    """List where decoding can start so that the frame at `pts` comes out, nearest first.

    A frame shown after a keyframe never refers to one before it. Frames shown before a keyframe but
    coded after it (an open group of pictures) do: they need the keyframe before. What a container
    calls a keyframe can still be none, hence more than one. None: the start of the file.
    """
    if index.jumps:
        return [None]  # times do not lead to places in such a file
    nearest = bisect_right([key.pts for key in index.keyframes], pts)
    if nearest <= 1:
        return [None]
    last_two = index.keyframes[max(0, nearest - 2) : nearest]
    return list(reversed(last_two))


def packets(
    container: InputContainer, stream: VideoStream, index: Index, key: Keyframe | None
) -> Iterator[Packet[Any]]:
    """Yield the stream's packets from a keyframe on, the empty one that ends the stream included.

    Nothing comes if the keyframe is not found.
    """
    if key is None:
        mover = clock.Mover(index.jumps)
        for packet in container.demux(stream):
            mover.move(packet)
            yield packet
        return
    for target in _targets(index, key):
        try:
            container.seek(target, stream=stream)
        except FFmpegError:
            continue
        found = _from(container, stream, key)
        if found is not None:
            yield from found
            return


def _targets(index: Index, key: Keyframe) -> Iterator[int]:
    """Yield times to seek to: containers index by showing time or by decoding time."""
    yield key.pts
    if key.dts is not None:
        yield key.dts
    place = bisect_right([other.pts for other in index.keyframes], key.pts) - 1
    for earlier in reversed(index.keyframes[max(0, place - _EARLIER) : place]):
        yield earlier.pts
    yield min(index.pts[0], index.keyframes[0].dts or 0)


def _from(
    container: InputContainer, stream: VideoStream, key: Keyframe
) -> Iterator[Packet[Any]] | None:
    stepping = container.demux(stream)
    for packet in stepping:
        time = packet.pts if packet.pts is not None else packet.dts
        if packet.size and packet.is_keyframe and time is not None:
            if time == key.pts:
                return chain([packet], stepping)
            if time > key.pts:
                return None
    return None
