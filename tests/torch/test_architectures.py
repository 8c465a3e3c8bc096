"""The graphs compute what the architectures are defined to: written here a second time, in torch.

Needs torch: `make test-torch`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402, N812

from enhance.engines.interpreter import TorchGraph  # noqa: E402
from enhance.graph import GraphWriter  # noqa: E402
from enhance.nets.architectures import recognise  # noqa: E402
from tests.gpu import random_weights as weights  # noqa: E402


def _conv(state, name, x):
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)


def _compact(state, x, scale):
    last = max(int(key.split(".")[1]) for key in state)
    y = x
    for i in range(0, last, 2):
        y = F.prelu(_conv(state, f"body.{i}", y), state[f"body.{i + 1}.weight"])
    y = F.pixel_shuffle(_conv(state, f"body.{last}", y), scale)
    return y + F.interpolate(x, scale_factor=scale, mode="nearest")


def _rrdb(state, x, scale):
    def act(value):
        return F.leaky_relu(value, 0.2)

    def dense(value, name):
        seen = [value]
        for k in range(1, 5):
            seen.append(act(_conv(state, f"{name}.conv{k}", torch.cat(seen, 1))))
        return value + 0.2 * _conv(state, f"{name}.conv5", torch.cat(seen, 1))

    first = _conv(state, "conv_first", F.pixel_unshuffle(x, 4 // scale))
    y = first
    for i in range(len({key.split(".")[1] for key in state if key.startswith("body.")})):
        inner = y
        for j in (1, 2, 3):
            inner = dense(inner, f"body.{i}.rdb{j}")
        y = y + 0.2 * inner
    y = first + _conv(state, "conv_body", y)
    for name in ("conv_up1", "conv_up2"):
        y = act(_conv(state, name, F.interpolate(y, scale_factor=2, mode="nearest")))
    return _conv(state, "conv_last", act(_conv(state, "conv_hr", y)))


def _span(state, x, scale):
    def bundle(name, value):
        if f"{name}.sk.weight" not in state:
            return _conv(state, f"{name}.eval_conv", value)
        inner = F.pad(value, (1, 1, 1, 1))
        for i in (0, 1, 2):
            layer = f"{name}.conv.{i}"
            inner = F.conv2d(inner, state[f"{layer}.weight"], state[f"{layer}.bias"])
        return inner + _conv(state, f"{name}.sk", value)

    mean = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)
    first = y = bundle("conv_1", (x - mean) * 255)
    after_one = early = y
    for i in range(1, 7):
        early = F.silu(bundle(f"block_{i}.c1_r", y))
        inner = bundle(f"block_{i}.c3_r", F.silu(bundle(f"block_{i}.c2_r", early)))
        y = (inner + y) * (torch.sigmoid(inner) - 0.5)
        after_one = y if i == 1 else after_one
    y = torch.cat([first, bundle("conv_2", y), after_one, early], 1)
    return F.pixel_shuffle(_conv(state, "upsampler.0", _conv(state, "conv_cat", y)), scale)


CASES: dict[str, tuple[dict[str, np.ndarray], Callable, int]] = {
    **{f"compact x{s}": (weights.compact(s), _compact, s) for s in (1, 2, 3, 4)},
    **{f"rrdb x{s}": (weights.rrdb(s, blocks=2), _rrdb, s) for s in (1, 2, 4)},
    "span x2": (weights.span(2), _span, 2),
    "span x4, merged": (weights.span(4, merged=True), _span, 4),
}


@pytest.mark.parametrize("case", CASES)
def test_a_graph_computes_its_architecture(case: str) -> None:
    arrays, reference, scale = CASES[case]
    net = recognise(arrays)
    assert net is not None
    assert net.scale == scale
    x = torch.rand(1, 3, 16, 20, generator=torch.Generator().manual_seed(1))

    graph = GraphWriter("net")
    graph.input("x", "float32", [1, 3, "h", "w"])
    result = net.body(graph, "x")
    graph.output(result, "float32", [1, 3, "oh", "ow"])
    with torch.inference_mode():
        ours = TorchGraph(graph.model(), "cpu", torch.float32).run({"x": x})[0]
        theirs = reference(
            {key: torch.from_numpy(value) for key, value in arrays.items()}, x, scale
        )

    assert ours.shape == theirs.shape == (1, 3, 16 * scale, 20 * scale)
    assert theirs.std() > 0.003
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=2e-5)
