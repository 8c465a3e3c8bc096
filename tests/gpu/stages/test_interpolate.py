"""New frames: when they are shown, what they show, and when none are invented."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from enhance.engines import Compute
from enhance.errors import BadInputError
from enhance.frames import Frame, StreamFacts
from enhance.spec import Interpolate
from enhance.stages.interpolate import build, exact_rate
from tests.gpu import clips

WIDTH, HEIGHT = 320, 192
FACTS = StreamFacts(
    width=WIDTH,
    height=HEIGHT,
    format="yuv420p",
    depth=8,
    chroma_w=2,
    chroma_h=2,
    time_base=Fraction(1, 100),
    rate=Fraction(25),
)
SCENE = clips.natural(480, 640)
NO_COMPUTE = cast("Compute", None)
"""The stage runs on the CPU whatever computes the nets."""
Warp = Callable[[float], NDArray[Any]]


def shown(moment: float, matrix: Callable[[float], list[list[float]]]) -> NDArray[np.float32]:
    """Return SCENE through a camera that has moved for so long."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(SCENE, np.float32(matrix(moment)), (WIDTH, HEIGHT), flags=flags)


def pan(moment: float) -> NDArray[np.float32]:
    return shown(moment, lambda t: [[1, 0, 100 + 5.3 * t], [0, 1, 100 - 1.7 * t]])


def zoom(moment: float) -> NDArray[np.float32]:
    def matrix(t: float) -> list[list[float]]:
        s = 1.2 * 0.97**t
        return [[s, 0, 320 - s * WIDTH / 2], [0, s, 240 - s * HEIGHT / 2]]

    return shown(moment, matrix)


def rotation(moment: float) -> NDArray[np.float32]:
    def matrix(t: float) -> list[list[float]]:
        c, s = np.cos(0.035 * t), np.sin(0.035 * t)
        x, y = WIDTH / 2, HEIGHT / 2
        return [[c, -s, 320 - c * x + s * y], [s, c, 240 - s * x - c * y]]

    return shown(moment, matrix)


def occlusion(moment: float) -> NDArray[np.float32]:
    background = shown(moment, lambda t: [[1, 0, 60 - 2.0 * t], [0, 1, 60]])
    ball = shown(moment, lambda t: [[1, 0, 250 - 7.0 * t], [0, 1, 150]])
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.clip(50.5 - np.hypot(x - 100 - 7.0 * moment, y - 90), 0, 1)
    return (background * (1 - mask) + ball * mask).astype(np.float32)


def text(moment: float) -> NDArray[np.float32]:
    page = np.full((480, 640), 235, np.uint8)
    for row in range(24):
        words = f"line {row * 37} of the page, " * 4
        cv2.putText(page, words, (4, 20 * row + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (30,), 1)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    matrix = np.float32([[1, 0, 20], [0, 1, 40 + 4.4 * moment]])
    return cv2.warpAffine(page.astype(np.float32), matrix, (WIDTH, HEIGHT), flags=flags)


def frame(luma: NDArray[Any], pts: int, duration: int = 4) -> Frame:
    y = np.clip(luma, 0, 255).astype(np.uint8)
    u = cv2.resize(y, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return Frame((y, u, 255 - u), pts, duration)


def stage_frames(step: Interpolate, frames: list[Frame], facts: StreamFacts = FACTS) -> list[Frame]:
    return list(build(step, facts, NO_COMPUTE).frames(frames))


@pytest.mark.parametrize("camera", [pan, zoom, rotation, occlusion, text])
def test_held_out_midpoints_are_nearer_than_a_blend_by_far(camera: Warp) -> None:
    whole = [frame(camera(t), 4 * t) for t in range(4)]
    made = stage_frames(Interpolate(factor=2), whole)
    assert [f.pts for f in made] == [0, 2, 4, 6, 8, 10, 12]
    for number in (1, 3, 5):
        truth = frame(camera(number / 2), 0)
        before, after = whole[number // 2], whole[number // 2 + 1]
        for plane in range(3):
            mean = (before.planes[plane].astype(float) + after.planes[plane]) / 2
            ours = clips.psnr(made[number].planes[plane], truth.planes[plane])
            assert ours > clips.psnr(mean, truth.planes[plane]) + 3
        assert clips.psnr(made[number].planes[0], truth.planes[0]) > 29


@pytest.mark.parametrize(("factor", "pts"), [(3, [0, 1, 2, 4, 5, 6, 8]), (4, list(range(9)))])
def test_new_frames_divide_the_distance_of_their_neighbours(factor: int, pts: list[int]) -> None:
    made = stage_frames(
        Interpolate.model_validate({"factor": factor}), [frame(pan(t), 4 * t) for t in range(3)]
    )
    assert [f.pts for f in made] == pts
    assert [f.duration for f in made[:-1]] == list(np.diff(pts))
    assert made[-1].duration == 4
    third = made[1]
    moment = third.pts / 4
    assert clips.psnr(third.planes[0], frame(pan(moment), 0).planes[0]) > 33


def test_a_varying_rate_keeps_its_times_and_gaps_stay() -> None:
    times = [0, 4, 7, 12, 16, 60, 63, 68, 72]
    facts = replace(FACTS, rate=None)
    made = stage_frames(
        Interpolate(factor=2), [frame(pan(n), t) for n, t in enumerate(times)], facts
    )
    pts = [f.pts for f in made]
    assert set(times) <= set(pts)
    assert [p for p in pts if 16 < p < 60] == []
    assert len(pts) == 2 * len(times) - 2
    # what is between differs from both: it was drawn, not repeated
    assert not np.array_equal(made[1].planes[0], made[0].planes[0])


def test_a_cut_is_not_blended_over() -> None:
    other = 255 - SCENE[100 : 100 + HEIGHT, 200 : 200 + WIDTH].T[:HEIGHT, :WIDTH]
    scene = np.zeros((HEIGHT, WIDTH), np.float32)
    scene[: other.shape[0], : other.shape[1]] = other
    frames = [frame(pan(0), 0), frame(pan(1), 4), frame(scene, 8), frame(scene, 12)]
    made = stage_frames(Interpolate(factor=2), frames)
    at = {f.pts: f for f in made}
    assert np.array_equal(at[6].planes[0], at[4].planes[0])
    assert not np.array_equal(at[2].planes[0], at[0].planes[0])


def test_a_drawing_that_is_held_stays_held() -> None:
    drawings = [pan(0), pan(0), pan(1), pan(1)]
    made = stage_frames(Interpolate(factor=2), [frame(d, 4 * n) for n, d in enumerate(drawings)])
    at = {f.pts: f.planes[0] for f in made}
    assert np.array_equal(at[2], at[0])
    assert np.array_equal(at[10], at[8])
    assert not np.array_equal(at[6], at[4])


def test_a_constant_rate_stands_on_one_grid_whatever_the_chunk() -> None:
    facts = replace(FACTS, time_base=Fraction(1, 600), rate=None)
    frames = [frame(pan(n), 24 * n + n % 2, 24) for n in range(16)]
    whole = stage_frames(Interpolate(fps=30), frames, facts)
    assert [f.pts for f in whole] == list(range(0, 16 * 24, 20))
    stage = build(Interpolate(fps=30), facts, NO_COMPUTE)
    start, end = frames[7].pts, frames[9].pts
    context = frames[7 - stage.before : 9 + stage.after]
    chunk = [f for f in stage.frames(context) if start <= f.pts < end]
    same = [f for f in whole if start <= f.pts < end]
    assert [f.pts for f in chunk] == [f.pts for f in same]
    for ours, theirs in zip(chunk, same, strict=True):
        assert np.array_equal(ours.planes[0], theirs.planes[0])


@pytest.mark.parametrize("depth", [10, 12])
@pytest.mark.parametrize(("format_", "sub"), [("yuv420p{}le", 2), ("yuv444p{}le", 1)])
def test_deep_pictures_keep_their_depth(depth: int, format_: str, sub: int) -> None:
    facts = replace(FACTS, format=format_.format(depth), depth=depth, chroma_w=sub, chroma_h=sub)

    def deep(moment: float, pts: int) -> Frame:
        y = np.clip(pan(moment) * (1 << (depth - 8)), 0, (1 << depth) - 1).astype(np.uint16)
        u = y[::sub, ::sub].copy()
        return Frame((y, u, u), pts, 4)

    made = stage_frames(Interpolate(factor=2), [deep(0, 0), deep(1, 4)], facts)
    assert made[1].planes[0].dtype == np.uint16
    peak = (1 << depth) - 1
    assert made[1].planes[0].max() <= peak
    assert clips.psnr(made[1].planes[0], deep(0.5, 0).planes[0], peak=peak) > 33


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (16, 16), (17, 95), (400, 3)])
def test_small_pictures_are_no_exception(size: tuple[int, int]) -> None:
    height, width = size
    facts = replace(FACTS, width=width, height=height, format="gray", chroma_w=0, chroma_h=0)
    rng = np.random.default_rng(5)
    frames = [Frame((rng.integers(0, 255, size, np.uint8),), 4 * n, 4) for n in range(3)]
    assert [f.pts for f in stage_frames(Interpolate(factor=2), frames, facts)] == [0, 2, 4, 6, 8]


def test_a_fault_of_the_source_comes_through_and_leaves_no_thread() -> None:
    def broken() -> Iterator[Frame]:
        yield from (frame(pan(n), 4 * n) for n in range(12))
        raise OSError("gone")

    before = threading.active_count()
    with pytest.raises(OSError, match="gone"):
        list(build(Interpolate(), FACTS, NO_COMPUTE).frames(broken()))
    assert threading.active_count() == before


def test_who_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    made = cast(
        "Generator[Frame]",
        build(Interpolate(), FACTS, NO_COMPUTE).frames(frame(pan(n), 4 * n) for n in range(12)),
    )
    assert [next(made).pts for _ in range(3)] == [0, 2, 4]
    made.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_interpolate_is_no_error(count: int) -> None:
    made = stage_frames(Interpolate(), [frame(pan(0), 5, 7)][:count])
    assert [(f.pts, f.duration) for f in made] == [(5, 7)][:count]


@pytest.mark.parametrize("level", [0, 16, 255])
def test_black_and_constant_frames_stay_constant(level: int) -> None:
    still = np.full((HEIGHT, WIDTH), level)
    made = stage_frames(Interpolate(factor=2), [frame(still, 0), frame(still, 4)])
    assert all(np.array_equal(f.planes[0], still) for f in made)


def test_a_clock_too_coarse_for_the_new_frames_is_refused_by_name() -> None:
    facts = replace(FACTS, time_base=Fraction(1, 25))
    with pytest.raises(BadInputError) as raised:
        build(Interpolate(factor=2), facts, NO_COMPUTE)
    assert raised.value.code == "time_base_too_coarse"


def test_a_factor_and_a_rate_together_are_refused() -> None:
    with pytest.raises(BadInputError) as raised:
        build(Interpolate(factor=2, fps=50), FACTS, NO_COMPUTE)
    assert raised.value.code == "bad_spec"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [(59.94, Fraction(60000, 1001)), (23.976, Fraction(24000, 1001)), (50, Fraction(50))],
)
def test_a_rate_is_taken_as_it_is_meant(asked: float, meant: Fraction) -> None:
    assert exact_rate(asked) == meant
