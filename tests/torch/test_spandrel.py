"""Other architectures through spandrel. Needs torch and spandrel, which no lock file installs."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from enhance.engines import open_compute  # noqa: E402
from enhance.nets import foreign  # noqa: E402
from enhance.nets.architectures import recognise  # noqa: E402
from enhance.nets.planes import plane_graph  # noqa: E402
from tests.gpu import random_weights as weights  # noqa: E402
from tests.gpu.pictures import facts, furthest, planes  # noqa: E402

needs_spandrel = pytest.mark.skipif(
    find_spec("spandrel") is None,
    reason="needs spandrel: pip install --no-deps spandrel==0.4.2 einops",
)


@pytest.mark.skipif(find_spec("spandrel") is not None, reason="spandrel is installed")
def test_without_spandrel_nothing_foreign_is_known() -> None:
    assert foreign.recognise(weights.compact(2)) is None


@needs_spandrel
@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize(
    "state",
    [weights.compact(2), weights.rrdb(4, features=64, grow=32), weights.span(2, features=48)],
)
def test_spandrel_and_our_graphs_compute_the_same(state: weights.State, engine) -> None:
    stream = facts(46, 34)
    source = planes(stream)
    ours, theirs = recognise(state), foreign.recognise(state)
    assert ours is not None
    assert theirs is not None
    compute = open_compute("cpu", "fp32", engine=engine)

    results = [
        compute.load(plane_graph(net, stream)).start(source).result() for net in (ours, theirs)
    ]

    assert (ours.scale, ours.colour) == (theirs.scale, theirs.colour)
    for one, other in zip(*results, strict=True):
        assert furthest(one, other) <= 1


@needs_spandrel
def test_weights_that_spandrel_does_not_know_either_are_unknown() -> None:
    assert foreign.recognise({"alpha": np.zeros((3, 3), np.float32)}) is None
