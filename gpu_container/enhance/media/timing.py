"""Arithmetic of timestamps: integers in, integers out, no file in sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

_USUAL = [
    Fraction(rate * 1000, per)
    for rate in (24, 25, 30, 48, 50, 60, 100, 120)
    for per in ((1001, 1000) if rate % 25 else (1000,))
]
"""In times counted by the millisecond, 59.94 and 60 look alike over a short clip: what the
container says comes first."""


def spread(pts: Iterable[int]) -> list[int]:
    """Sort, and move each time that is taken to the next free tick, so that no frame is lost."""
    out: list[int] = []
    for value in sorted(pts):
        out.append(max(value, out[-1] + 1) if out else value)
    return out


def usual_step(pts: Sequence[int]) -> int:
    """The median distance between neighbours; 0 with fewer than two."""
    return median_low([b - a for a, b in pairwise(pts)]) if len(pts) > 1 else 0


def last_duration(pts: Sequence[int], packet: int, end: int | None) -> int:
    """How long the last frame is shown; 0 if nobody says.

    MP4 keeps durations in decoding order: with B-frames, the last frame's packet holds another's.
    What is left until the stream's end is right, as long as it is plausible: an edit list or a file
    that was cut off makes the end another one.

    Args:
        pts: Sorted, not empty.
        packet: What the last frame's packet says; 0 if nothing.
        end: Where the stream ends as its header says.
    """
    usual = usual_step(pts)
    left = 0 if end is None else end - pts[-1]
    return left if 0 < left <= 3 * max(packet, usual) else packet or usual


def constant_rate(
    pts: Sequence[int], time_base: Fraction, nominal: Sequence[Fraction | None]
) -> Fraction | None:
    """Say the frame rate if every frame stands on its grid, to one tick; else None.

    Args:
        pts: Sorted.
        time_base: Of `pts`, in seconds.
        nominal: What the container says; preferred where it agrees, being the exact number.
    """
    named = [rate for rate in nominal if rate]
    if len(pts) < 2:
        return next(iter(named), None)
    steps = len(pts) - 1
    step = Fraction(pts[-1] - pts[0], steps)
    if any(abs(value - pts[0] - n * step) > 1 for n, value in enumerate(pts)):
        return None
    # Rounding to a tick at either end moves the mean step by this much at most.
    slack = Fraction(1, steps)
    near = [rate for rate in [*named, *_USUAL] if abs(1 / (rate * time_base) - step) <= slack]
    round_ones = [rate for rate in near if rate in _USUAL]
    return next(iter([*round_ones, *near]), 1 / (step * time_base))


def reorder_depth(pts: Sequence[int]) -> int:
    """By how many frames decoding runs ahead of showing.

    Args:
        pts: Distinct, in decoding order.
    """
    rank = {value: n for n, value in enumerate(sorted(pts))}
    return max((n - rank[value] for n, value in enumerate(pts)), default=0)


def decode_times(pts: Sequence[int]) -> list[int]:
    """Make decoding times: growing, and never after the frame is shown.

    They are the showing times in order, held back by the reorder depth; before the first frame is
    shown they go on backwards in usual steps.

    Args:
        pts: Distinct, in decoding order.
    """
    shown = sorted(pts)
    depth = reorder_depth(pts)
    step = max(1, usual_step(shown))
    lead = [shown[0] - step * n for n in range(depth, 0, -1)]
    return [*lead, *shown][: len(shown)]
