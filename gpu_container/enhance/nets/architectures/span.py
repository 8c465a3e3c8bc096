"""SPAN: six blocks of three convolutions, attention without weights, one shuffle at the end.

Trained, a convolution is three in a row beside a 1x1 (`conv.0..2`, `sk`); here they are always
merged into the one 3x3 that they amount to. Some files hold that one alone (`eval_conv`); beside
the three it is left over from some step of training, and not used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enhance.graph import GraphWriter
from enhance.nets.net import Net, State, parameters

_BLOCKS = tuple(f"block_{i}" for i in range(1, 7))
_MERGED = ("conv_1", *(f"{block}.c{i}_r" for block in _BLOCKS for i in (1, 2, 3)), "conv_2")
_MEAN = np.array([0.4488, 0.4371, 0.4040], np.float32).reshape(1, 3, 1, 1)
_RANGE = 255.0

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]


def recognise(state: State) -> Net | None:
    """Say what net these weights are, or None if they are not of this kind."""
    needed = [
        f"{name}.{part}" for name in ("conv_cat", "upsampler.0") for part in ("weight", "bias")
    ]
    if any(key not in state for key in needed):
        return None
    layers = {name: _merged(state, name) for name in _MERGED}
    if any(layer is None for layer in layers.values()):
        return None
    known = {name: layer for name, layer in layers.items() if layer is not None}
    known |= {
        name: (state[f"{name}.weight"], state[f"{name}.bias"])
        for name in ("conv_cat", "upsampler.0")
    }
    scale = round((known["upsampler.0"][0].shape[0] / 3) ** 0.5)
    if known["conv_1"][0].shape[1] != 3 or 3 * scale * scale != known["upsampler.0"][0].shape[0]:
        return None

    def body(graph: GraphWriter, value: str) -> str:
        return _body(graph, value, known, scale, centred="no_norm" not in state)

    return Net(
        architecture="span",
        scale=scale,
        colour="rgb",
        radius=len(_MERGED) + 1,
        multiple=1,
        half=True,
        parameters=parameters(state),
        body=body,
    )


def _merged(state: State, name: str) -> Layer | None:
    """One 3x3 convolution of a trained bundle, or the one that the file holds already."""
    parts = [f"{name}.{part}" for part in ("conv.0", "conv.1", "conv.2", "sk")]
    held = [f"{part}.{kind}" in state for part in parts for kind in ("weight", "bias")]
    if any(held) and not all(held):
        return None
    if all(held):
        (w1, b1), (w2, b2), (w3, b3), (skip, skip_bias) = (
            (state[f"{part}.weight"], state[f"{part}.bias"]) for part in parts
        )
        outer = w3[:, :, 0, 0]
        weight = np.einsum("ob,bahw,ai->oihw", outer, w2, w1[:, :, 0, 0], optimize=True)
        weight[:, :, 1, 1] += skip[:, :, 0, 0]
        bias = outer @ (np.einsum("bahw,a->b", w2, b1) + b2) + b3 + skip_bias
        return weight.astype(np.float32), bias.astype(np.float32)
    if f"{name}.eval_conv.weight" in state and f"{name}.eval_conv.bias" in state:
        return state[f"{name}.eval_conv.weight"], state[f"{name}.eval_conv.bias"]
    return None


def _body(
    graph: GraphWriter, value: str, layers: dict[str, Layer], scale: int, centred: bool
) -> str:
    if centred:
        value = graph.node("Sub", [value, graph.constant("mean", _MEAN)], "centred")
        value = graph.node("Mul", [value, graph.constant("range", _RANGE)], "ranged")
    first = value = graph.conv(value, "conv_1", *layers["conv_1"])
    after: dict[str, str] = {}
    early = ""
    for block in _BLOCKS:
        value, early = _attention(graph, value, block, layers)
        after[block] = value
    value = graph.conv(value, "conv_2", *layers["conv_2"])
    parts = [first, value, after["block_1"], early]
    value = graph.node("Concat", parts, "cat", axis=1)
    value = graph.conv(value, "conv_cat", *layers["conv_cat"])
    value = graph.conv(value, "upsampler.0", *layers["upsampler.0"])
    return graph.shuffle(value, "shuffled", scale) if scale > 1 else value


def _attention(
    graph: GraphWriter, value: str, block: str, layers: dict[str, Layer]
) -> tuple[str, str]:
    """One block: what comes out, and its first activation, of which the last block's is used."""
    inner, early = value, ""
    for i in (1, 2, 3):
        inner = graph.conv(inner, f"{block}.c{i}_r", *layers[f"{block}.c{i}_r"])
        if i < 3:
            gate = graph.node("Sigmoid", [inner], f"{inner}.gate")
            inner = graph.node("Mul", [inner, gate], f"{inner}.act")
            early = early or inner
    gate = graph.node("Sigmoid", [inner], f"{block}.gate")
    attention = graph.node("Sub", [gate, graph.constant("half", 0.5)], f"{block}.attention")
    total = graph.node("Add", [inner, value], f"{block}.sum")
    return graph.node("Mul", [total, attention], block), early
