"""All engines give the same pictures, and torch's are exact in parts. Needs torch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from enhance.engines import open_compute  # noqa: E402
from enhance.engines.tiles import EngineMemoryError, TiledRunner  # noqa: E402
from enhance.errors import NoDeviceError  # noqa: E402
from enhance.nets.architectures import recognise  # noqa: E402
from enhance.nets.planes import plane_graph  # noqa: E402
from tests.gpu import random_weights as weights  # noqa: E402
from tests.gpu.pictures import facts, furthest, planes  # noqa: E402

NETS = {
    "luma": weights.luma(2),
    "luma x1": weights.luma(1),
    "compact": weights.compact(3),
    "rrdb": weights.rrdb(4),
    "rrdb unshuffled": weights.rrdb(2),
    "span": weights.span(2),
}
STREAMS = [("yuv420p", 8), ("yuv422p", 10), ("yuv444p", 12), ("gray", 8)]


def _graph(name: str, stream):
    net = recognise(NETS[name])
    assert net is not None
    return plane_graph(net, stream)


@pytest.mark.parametrize(("family", "depth"), STREAMS)
@pytest.mark.parametrize("name", NETS)
def test_torch_and_openvino_agree(name: str, family: str, depth: int) -> None:
    stream = facts(46, 34, family, depth)
    source = planes(stream)

    ours, theirs = (
        open_compute("cpu", "fp32", engine=engine).load(_graph(name, stream)).start(source).result()
        for engine in ("torch", "openvino")
    )

    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        assert furthest(one, other) <= 1
        assert (one != other).mean() < 0.01


@pytest.mark.parametrize("name", NETS)
def test_half_precision_stays_close_in_torch(name: str) -> None:
    stream = facts(46, 34)
    source = planes(stream)

    full, half = (
        open_compute("cpu", kind, engine="torch").load(_graph(name, stream)).start(source).result()
        for kind in ("fp32", "bf16")
    )

    for one, other in zip(full, half, strict=True):
        assert np.abs(one.astype(float) - other).mean() < 1.5


class _Tight:
    depth = 1

    def __init__(self, inner: TiledRunner, room: int) -> None:
        self._inner = inner
        self._room = room

    def start(self, planes):
        if planes[0].size > self._room:
            raise EngineMemoryError("too large")
        return self._inner.start(planes)


@pytest.mark.parametrize("name", ["luma", "compact"])
def test_tiles_are_bit_identical_in_torch(name: str) -> None:
    stream = facts(128, 96)
    graph, source = _graph(name, stream), planes(stream)
    runner = open_compute("cpu", "fp32", engine="torch").load(graph)

    whole = runner.start(source).result()
    parts = TiledRunner(_Tight(runner, 6000), graph).start(source).result()

    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_demanded_gpu_that_torch_does_not_see_is_an_error() -> None:
    with pytest.raises(NoDeviceError, match="driver"):
        open_compute("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NETS)
def test_a_gpu_agrees_with_the_cpu_to_50_db(name: str) -> None:
    stream = facts(160, 96)
    source = planes(stream)

    gpu = open_compute("cuda", "fp16").load(_graph(name, stream))
    pending = [gpu.start(source) for _ in range(2 * gpu.depth)]
    cpu = open_compute("cpu", "fp32").load(_graph(name, stream)).start(source).result()

    for result in (p.result() for p in pending):
        error = np.mean((result[0].astype(float) - cpu[0]) ** 2)
        assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 50
