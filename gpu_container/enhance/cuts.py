"""Where a film is cut into chunks."""

from __future__ import annotations

from bisect import bisect_left

from enhance.manifest import Chunk
from enhance.media import Index

_SNAP = 0.25
"""A keyframe this near, in chunks, is taken: decoding then starts without a run-up."""


def cut(index: Index, count: int) -> list[Chunk]:
    """Cut the frames into `count` chunks of about equal size, or fewer.

    Every frame lies in exactly one. A chunk begins at a keyframe where one is near, else at any
    frame: a film may have one keyframe in all.
    """
    size = index.frames / count
    keys = [keyframe.pts for keyframe in index.keyframes]
    starts = [0]
    for n in range(1, count):
        start = bisect_left(index.pts, _snapped(index, keys, round(n * size), size * _SNAP))
        if starts[-1] < start < index.frames:
            starts.append(start)
    ends = [*starts[1:], index.frames]
    return [
        Chunk(
            i=i,
            start=index.pts[first],
            end=index.pts[last] if last < index.frames else index.end,
            frames=last - first,
        )
        for i, (first, last) in enumerate(zip(starts, ends, strict=True))
    ]


def _snapped(index: Index, keys: list[int], start: int, reach: float) -> int:
    """Return the PTS of the keyframe that is nearest to frame `start`, or of that frame itself."""
    pts = index.pts[start]
    at = bisect_left(keys, pts)
    near = [
        key
        for key in keys[max(0, at - 1) : at + 1]
        if abs(bisect_left(index.pts, key) - start) <= reach
    ]
    return min(near, key=lambda key: abs(key - pts), default=pts)
