from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import pytest

from enhance.media import timing
from enhance.media.facts import pack_pts, unpack_pts


def test_decode_times_grow_and_never_pass_the_showing_time_whatever_the_order():
    for seed in range(200):
        dice = random.Random(seed)
        shown = sorted(dice.sample(range(-5000, 5000), dice.randint(1, 40)))
        coded: list[int] = []
        pending = list(shown)
        while pending:
            reach = dice.randint(0, min(4, len(pending) - 1))
            coded.append(pending.pop(reach))
        dts = timing.decode_times(coded)
        assert len(dts) == len(coded)
        assert all(a < b for a, b in pairwise(dts))
        assert all(a <= b for a, b in zip(dts, coded, strict=True))


def test_spread_keeps_every_frame_and_moves_only_those_whose_time_is_taken():
    assert timing.spread([5, 0, 5, 6, 9]) == [0, 5, 6, 7, 9]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)])
@pytest.mark.parametrize("base", [Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 12800)])
def test_a_rate_is_constant_when_each_frame_is_rounded_to_the_clock(rate: Fraction, base: Fraction):
    pts = [round(n / rate / base) for n in range(120)]
    assert timing.constant_rate(pts, base, [rate]) == rate


def test_a_rate_is_not_constant_when_one_frame_is_late():
    pts = [n * 40 for n in range(50)]
    pts[20] += 5
    assert timing.constant_rate(pts, Fraction(1, 1000), [Fraction(25)]) is None


def test_timestamps_travel_as_runs_of_equal_steps():
    pts = (-3, 0, 3, 6, 1000, 1001)
    assert pack_pts(pts) == [[-3, 1], [3, 3], [994, 1], [1, 1]]
    assert unpack_pts(pack_pts(pts)) == pts
    assert unpack_pts(pack_pts(())) == ()


@pytest.mark.parametrize(
    ("packet", "end", "lasts"),
    [
        (4500, 8250, 2250),  # the packet's duration is another frame's
        (2250, None, 2250),
        (0, None, 3000),
        (2250, 6000, 2250),  # an edit list put the end before the last frame
        (2250, 900_000, 2250),  # the file was cut off: its header promises more
    ],
)
def test_the_last_frame_lasts_until_the_stream_ends_where_that_can_be(
    packet: int, end: int | None, lasts: int
):
    assert timing.last_duration([0, 3000, 6000], packet, end) == lasts
