"""What the graphs around a net do to samples: enlargement, siting, depth, matrices."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from enhance.engines import open_compute
from enhance.errors import BadInputError
from enhance.frames import Plane, StreamFacts
from enhance.nets.architectures import recognise
from enhance.nets.planes import plane_graph
from tests.gpu import random_weights as weights
from tests.gpu.pictures import facts, furthest, planes, tagged


def _run(
    state: weights.State, stream: StreamFacts, source: tuple[Plane, ...], strength: float = 1.0
) -> tuple[Plane, ...]:
    net = recognise(state)
    assert net is not None
    compute = open_compute("cpu", "fp32", threads=1)
    return compute.load(plane_graph(net, stream, strength)).start(source).result()


def _cubic(plane: Plane, scale: int, dx: float, dy: float, peak: int) -> Plane:
    """OpenCV's cubic, sampled where the caller says: (i / scale + dx, j / scale + dy).

    In fp32, at exact thirty-seconds of a sample, as its tables have them.
    """
    step = 1 / scale
    size = plane.shape[1] * scale, plane.shape[0] * scale
    matrix = np.array([[step, 0, dx], [0, step, dy]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(
        plane.astype(np.float32), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.clip(np.round(large), 0, peak).astype(plane.dtype)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_a_silent_luma_net_gives_bicubic_as_opencv_has_it(depth: int) -> None:
    stream = facts(62, 46, "gray", depth)
    source = planes(stream)

    (result,) = _run(weights.silent_luma(), stream, source)

    size = (2 * stream.width, 2 * stream.height)
    large = cv2.resize(source[0].astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    expected = np.clip(np.round(large), 0, (1 << depth) - 1).astype(source[0].dtype)
    assert furthest(result, expected) <= 1
    assert (result != expected).mean() < 1e-3


@pytest.mark.parametrize(
    ("family", "location", "dx", "dy"),
    [
        ("yuv420p", 0, -0.125, -0.25),
        ("yuv420p", 1, -0.125, -0.25),
        ("yuv420p", 2, -0.25, -0.25),
        ("yuv420p", 3, -0.125, -0.125),
        ("yuv422p", 0, -0.125, -0.25),
        ("yuv444p", 0, -0.25, -0.25),
    ],
)
def test_chroma_stays_where_its_siting_says(
    family: str, location: int, dx: float, dy: float
) -> None:
    stream = tagged(facts(64, 48, family), chroma_location=location)
    source = planes(stream)

    result = _run(weights.silent_luma(), stream, source)

    for plane, out in zip(source[1:], result[1:], strict=True):
        assert furthest(out, _cubic(plane, 2, dx, dy, 255)) <= 1


def test_the_deepest_values_survive() -> None:
    stream = facts(40, 32, "yuv420p", 10)
    for value in (0, 64, 940, 1023):
        source = tuple(np.full_like(plane, value) for plane in planes(stream))

        result = _run(weights.silent_luma(), stream, source)

        assert all((plane == value).all() for plane in result)


def _opaque() -> weights.State:
    """A compact 1x net whose convolutions add nothing: RGB in, the same RGB out."""
    return {key: np.zeros_like(array) for key, array in weights.compact(1).items()}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("number", [1, 4, 5, 6, 7, 9, 2])
def test_a_round_trip_through_rgb_keeps_colours(number: int, full: bool) -> None:
    stream = tagged(facts(48, 36, "yuv444p", 10), matrix=number, full_range=full)
    source = planes(stream)

    result = _run(_opaque(), stream, source)

    for one, other in zip(source, result, strict=True):
        assert furthest(one, other) <= 1


@pytest.mark.parametrize("location", [0, 2, 3])
@pytest.mark.parametrize("family", ["yuv420p", "yuv422p"])
def test_a_round_trip_keeps_shared_chroma_in_its_place(family: str, location: int) -> None:
    """A ramp is what every siting keeps: a shift by a quarter of a sample would show."""
    stream = tagged(facts(64, 48, family), chroma_location=location)
    high, wide = planes(stream)[1].shape
    ramp = (100 + np.arange(wide) * 1.5 + np.arange(high)[:, None]).astype(np.uint8)
    source = (np.full((48, 64), 120, np.uint8), ramp, ramp[::-1].copy())

    result = _run(_opaque(), stream, source)

    assert furthest(result[0], source[0]) <= 1
    for one, other in zip(source[1:], result[1:], strict=True):
        difference = one.astype(int)[2:-2, 2:-2] - other.astype(int)[2:-2, 2:-2]
        assert np.abs(difference).max() <= 1
        assert abs(difference.mean()) < 0.1


def test_an_untagged_stream_is_601_below_720_lines_and_709_above() -> None:
    """A pure colour in the tagged matrix tells them apart: the net sees other RGB."""
    state = weights.compact(1, seed=3)

    def seen(stream: StreamFacts) -> Plane:
        return _run(state, stream, source)[0]

    small, tall = facts(32, 24, "yuv444p"), facts(32, 720, "yuv444p")
    source = tuple(np.full((24, 32), value, np.uint8) for value in (120, 90, 200))
    assert np.array_equal(seen(small), seen(tagged(small, matrix=6)))
    assert not np.array_equal(seen(small), seen(tagged(small, matrix=1)))
    source = tuple(np.full((720, 32), value, np.uint8) for value in (120, 90, 200))
    assert np.array_equal(seen(tall), seen(tagged(tall, matrix=1)))


@pytest.mark.parametrize(
    ("tags", "word"), [({"transfer": 16}, "PQ"), ({"transfer": 18}, "HLG"), ({"matrix": 8}, "8")]
)
def test_colours_that_an_rgb_net_cannot_take_are_refused_and_luma_nets_take_them(
    tags: dict[str, int], word: str
) -> None:
    stream = tagged(facts(32, 24, "yuv420p", 10), **tags)

    with pytest.raises(BadInputError, match=word) as caught:
        _run(weights.compact(2), stream, planes(stream))
    assert caught.value.code == "colour_unsupported"

    assert len(_run(weights.luma(2), stream, planes(stream))) == 3


def test_strength_mixes_the_net_with_the_source() -> None:
    for state in (weights.luma(1), weights.compact(1)):
        stream = replace(facts(48, 36, "yuv444p"))
        source = planes(stream)
        none, half, all_ = (_run(state, stream, source, share)[0] for share in (0.0, 0.5, 1.0))

        assert furthest(none, source[0]) <= 1
        middle = (source[0].astype(float) + all_) / 2
        assert np.abs(half - middle).max() <= 1.5
        assert furthest(all_, source[0]) > 1
