"""OpenVINO and ONNX Runtime give the same pictures; half precision stays close."""

from __future__ import annotations

import pytest

from enhance.engines import open_compute
from enhance.nets.architectures import recognise
from enhance.nets.planes import plane_graph
from tests.gpu import random_weights as weights
from tests.gpu.pictures import facts, furthest, planes

NETS = {
    "luma": weights.luma(2),
    "luma x1": weights.luma(1),
    "compact": weights.compact(2),
    "rrdb": weights.rrdb(4),
    "span": weights.span(2),
}
STREAMS = [("yuv420p", 8), ("yuv422p", 10), ("yuv444p", 12), ("gray", 8)]


@pytest.mark.parametrize(("family", "depth"), STREAMS)
@pytest.mark.parametrize("name", NETS)
def test_the_portable_engine_agrees(name: str, family: str, depth: int) -> None:
    stream = facts(46, 34, family, depth)
    net = recognise(NETS[name])
    assert net is not None
    graph = plane_graph(net, stream)
    source = planes(stream)

    ours = open_compute("cpu", "fp32", threads=1).load(graph).start(source).result()
    theirs = open_compute("cpu", "fp32", threads=1, engine="onnxruntime").load(graph)

    for one, other in zip(ours, theirs.start(source).result(), strict=True):
        assert furthest(one, other) <= 1


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_half_precision_leaves_the_base_exact(depth: int) -> None:
    """A net that adds nothing: luma and chroma are bicubic to the last bit at any precision."""
    stream = facts(62, 46, "yuv420p", depth)
    net = recognise(weights.silent_luma())
    assert net is not None
    graph = plane_graph(net, stream)
    source = planes(stream)

    full, half = (
        open_compute("cpu", precision, threads=1).load(graph).start(source).result()
        for precision in ("fp32", "bf16")
    )

    for one, other in zip(full, half, strict=True):
        assert furthest(one, other) == 0
