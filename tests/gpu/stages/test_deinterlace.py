"""Fields become frames where they are fields, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from enhance.engines import Compute
from enhance.frames import Frame, StreamFacts
from enhance.media.planes import new_frame, to_video_frame
from enhance.spec import Deinterlace
from enhance.stages.deinterlace import build
from tests.gpu import clips

WIDTH, HEIGHT = 96, 64
FACTS = StreamFacts(
    width=WIDTH,
    height=HEIGHT,
    format="yuv420p",
    depth=8,
    chroma_w=2,
    chroma_h=2,
    time_base=Fraction(1, 90000),
    rate=Fraction(25),
)
SCENE = clips.natural(HEIGHT, 400)
NO_COMPUTE = cast("Compute", None)


def picture(moment: float) -> NDArray[Any]:
    x = round(4 * moment)
    return SCENE[:, x : x + WIDTH].astype(np.uint8)


def woven(number: int, *, top_first: bool = True, depth: int = 8) -> Frame:
    """Two fields, half a frame apart, in one frame."""
    first, second = picture(number), picture(number + 0.5)
    luma = first.copy()
    luma[(1 if top_first else 0) :: 2] = second[(1 if top_first else 0) :: 2]
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    planes = tuple(
        p if depth == 8 else p.astype(np.uint16) << (depth - 8) for p in (luma, chroma, chroma)
    )
    return Frame(planes, 3600 * number, 3600, interlaced=True, top_field_first=top_first)


def combed(luma: NDArray[Any]) -> float:
    """How much neighbouring lines differ more than lines two apart."""
    deep = luma.astype(float)
    return float(np.abs(np.diff(deep, axis=0)).mean() - np.abs(deep[2:] - deep[:-2]).mean() / 2)


def made(frames: list[Frame], mode: str = "auto", facts: StreamFacts = FACTS) -> list[Frame]:
    return list(build(Deinterlace.model_validate({"mode": mode}), facts, NO_COMPUTE).frames(frames))


@pytest.mark.parametrize("top_first", [True, False])
def test_the_comb_goes_and_the_times_stay(top_first: bool) -> None:
    source = [woven(n, top_first=top_first) for n in range(6)]
    whole = made(source)
    assert [(f.pts, f.duration) for f in whole] == [(f.pts, f.duration) for f in source]
    for number, (before, after) in enumerate(zip(source, whole, strict=True)):
        assert combed(after.planes[0]) < combed(before.planes[0]) / 3
        # the frame shows the moment of the field that comes first
        truth = picture(number)
        assert clips.psnr(after.planes[0], truth) > clips.psnr(before.planes[0], truth) + 3
        assert not after.interlaced


def test_whole_frames_pass_untouched_between_fields() -> None:
    source = [woven(0), woven(1), *(replace(woven(n), interlaced=False) for n in (2, 3)), woven(4)]
    whole = made(source)
    assert [whole[n] is source[n] for n in range(5)] == [False, False, True, True, False]


def test_always_takes_what_is_not_flagged_too() -> None:
    source = [replace(woven(n), interlaced=False, top_field_first=False) for n in range(4)]
    assert all(a is b for a, b in zip(made(source), source, strict=True))
    whole = made(source, "always")
    assert all(
        combed(w.planes[0]) < combed(s.planes[0]) / 3 for w, s in zip(whole, source, strict=True)
    )


def test_a_chunk_with_its_context_gives_the_same_frames() -> None:
    source = [woven(n, top_first=n < 5) for n in range(10)]
    stage = build(Deinterlace(), FACTS, NO_COMPUTE)
    whole = list(stage.frames(source))
    for start, end in ((0, 3), (3, 7), (7, 10)):
        context = source[max(0, start - stage.before) : end + stage.after]
        chunk = [f for f in stage.frames(context) if start * 3600 <= f.pts < end * 3600]
        for ours, theirs in zip(chunk, whole[start:end], strict=True):
            assert all(
                np.array_equal(a, b) for a, b in zip(ours.planes, theirs.planes, strict=True)
            )


def test_ten_bits_stay_ten_bits() -> None:
    facts = replace(FACTS, format="yuv420p10le", depth=10)
    whole = made([woven(n, depth=10) for n in range(3)], facts=facts)
    eight = made([woven(n) for n in range(3)])
    assert whole[1].planes[0].dtype == np.uint16
    assert clips.psnr(whole[1].planes[0] / 4, eight[1].planes[0]) > 40


def test_one_frame_alone_is_enough() -> None:
    assert len(made([woven(0)])) == 1
    assert made([]) == []


def test_pictures_too_small_for_fields_pass_and_the_report_says_so() -> None:
    facts = replace(FACTS, width=2, height=4)
    stage = build(Deinterlace(), facts, NO_COMPUTE)
    tiny = Frame(
        (np.zeros((4, 2), np.uint8), *([np.zeros((2, 1), np.uint8)] * 2)), 0, 1, interlaced=True
    )
    assert next(iter(stage.frames([tiny]))) is tiny
    assert "too small" in stage.notes[0]


def test_picture_that_is_out_is_left_to_the_encoder() -> None:
    whole = new_frame(FACTS, 3600, 3600)
    whole.planes[0][:] = 100
    stream = build(Deinterlace(), FACTS, NO_COMPUTE).frames([whole, woven(2), woven(3)])
    picture = to_video_frame(next(stream), FACTS)
    picture.pts = 0  # as the encoder counts, from the chunk's first frame on
    next(stream)
    assert picture.pts == 0
