"""Parts come out as the whole, and short memory makes parts smaller instead of dropping frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from enhance.engines import open_compute
from enhance.engines.seam import Compute, Pending
from enhance.engines.tiles import SMALLEST, EngineMemoryError, TiledRunner
from enhance.errors import OutOfMemoryError
from enhance.frames import Plane
from enhance.nets.architectures import recognise
from enhance.nets.planes import plane_graph
from tests.gpu import random_weights as weights
from tests.gpu.pictures import facts, planes

NETS = {
    "luma": weights.luma(2, depth=3),
    "luma x1": weights.luma(1),
    "compact": weights.compact(2),
    "span": weights.span(2),
    "rrdb unshuffled": weights.rrdb(2),
}


class _Tight:
    """An engine with room for so many luma samples; more than that is too much."""

    depth = 1

    def __init__(self, inner: TiledRunner, room: int, late: bool = False) -> None:
        self._inner = inner
        self._room = room
        self._late = late
        self.sizes: list[tuple[int, ...]] = []

    def start(self, planes: Sequence[Plane]) -> Pending:
        self.sizes.append(planes[0].shape)
        if planes[0].size <= self._room:
            return self._inner.start(planes)
        if not self._late:
            raise EngineMemoryError("too large")
        return _Fails()


class _Fails:
    def result(self) -> tuple[Plane, ...]:
        raise EngineMemoryError("too large, and found out later")


@pytest.fixture(scope="module")
def compute() -> Compute:
    return open_compute("cpu", "fp32", threads=1)


def _graph(name: str, family: str = "yuv420p"):
    net = recognise(NETS[name])
    assert net is not None
    return plane_graph(net, facts(150, 117, family))


@pytest.mark.parametrize(
    ("name", "late"), [*((name, False) for name in NETS), ("luma", True), ("luma x1", True)]
)
def test_tiles_are_bit_identical_to_the_whole_frame(
    name: str, late: bool, compute: Compute
) -> None:
    graph = _graph(name)
    source = planes(facts(150, 117) if graph.radius < 20 else facts(262, 191))
    whole = compute.load(graph).start(source).result()

    tight = _Tight(compute.load(graph), source[0].size // 3, late)
    runner = TiledRunner(tight, graph)
    parts = runner.start(source).result()

    assert runner.tile is not None
    for one, other in zip(whole, parts, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


def test_a_frame_after_a_shortage_starts_with_the_size_that_fitted(compute: Compute) -> None:
    graph = _graph("luma")
    tight = _Tight(compute.load(graph), 6000)
    runner = TiledRunner(tight, graph)
    source = planes(facts(150, 117))
    runner.start(source).result()
    tight.sizes.clear()

    runner.start(source).result()

    assert all(height * width <= 6000 for height, width in tight.sizes)


def test_frames_in_flight_learn_of_a_shortage_once(compute: Compute) -> None:
    graph = _graph("luma")
    tight = _Tight(compute.load(graph), 150 * 117 - 1, late=True)
    runner = TiledRunner(tight, graph)
    pending = [runner.start(planes(facts(150, 117))) for _ in range(3)]

    for one in pending:
        one.result()

    assert runner.tile == (118, 76)


def test_the_smallest_tile_that_does_not_fit_is_an_error_with_its_code(compute: Compute) -> None:
    graph = _graph("luma")
    tight = _Tight(compute.load(graph), 0)

    with pytest.raises(OutOfMemoryError, match="take a smaller model") as caught:
        TiledRunner(tight, graph).start(planes(facts(150, 117))).result()

    assert caught.value.code == "smallest_tile"
    height, width = tight.sizes[-1]
    assert max(height, width) <= SMALLEST + 2 * (graph.radius + graph.align)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (17, 3), (33, 19)])
@pytest.mark.parametrize("family", ["gray", "yuv420p", "yuv422p", "yuv444p"])
def test_odd_sizes_come_out_whole(size: tuple[int, int], family: str, compute: Compute) -> None:
    stream = facts(*size, family)
    for name in ("luma", "compact", "rrdb unshuffled"):
        net = recognise(NETS[name])
        assert net is not None
        result = compute.load(plane_graph(net, stream)).start(planes(stream)).result()

        assert result[0].shape == (2 * size[1], 2 * size[0])
        if stream.chroma_w:
            chroma = -(-2 * size[1] // stream.chroma_h), -(-2 * size[0] // stream.chroma_w)
            assert result[1].shape == result[2].shape == chroma


def test_planes_with_padded_rows_are_read_right(compute: Compute) -> None:
    stream = facts(60, 44)
    wide = planes(facts(96, 44))
    padded = tuple(plane[:, : 60 if i == 0 else 30] for i, plane in enumerate(wide))
    assert not padded[0].flags.c_contiguous
    runner = compute.load(_graph("luma"))

    strided = runner.start(padded).result()
    dense = runner.start([np.ascontiguousarray(plane) for plane in padded]).result()

    assert stream.width == padded[0].shape[1]
    for one, other in zip(strided, dense, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (150, 117)])
def test_results_stay_while_later_frames_are_computed(
    size: tuple[int, int], compute: Compute
) -> None:
    stream = facts(*size)
    net = recognise(NETS["luma"])
    assert net is not None
    runner = compute.load(plane_graph(net, stream))
    sources = [tuple(plane + n for plane in planes(stream)) for n in range(4)]
    alone = [runner.start(source).result()[0].copy() for source in sources]

    pending = [runner.start(source) for source in sources]
    together = [p.result()[0] for p in pending]

    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)
