"""ESRGAN and Real-ESRGAN (`RRDBNet`): residual in residual dense blocks.

Three families of names for the same layers: Real-ESRGAN's, ESRGAN's, and those of the ESRGAN models
made before it had names (`model.1.sub.…`). The number of channels that go in tells the scale: 3 is
x4; 12 and 48 are x2 and x1, whose source is unshuffled first, by 2 and by 4.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from enhance.graph import GraphWriter
from enhance.nets.net import Net, State, parameters

_RENAMED = (
    (r"^RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
    (r"^trunk_conv\.", "conv_body."),
    (r"^upconv(\d)\.", r"conv_up\1."),
    (r"^HRconv\.", "conv_hr."),
    (r"^model\.0\.", "conv_first."),
    (r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3."),
    (r"^model\.1\.sub\.\d+\.(weight|bias)$", r"conv_body.\1"),
    (r"^model\.3\.", "conv_up1."),
    (r"^model\.6\.", "conv_up2."),
    (r"^model\.8\.", "conv_hr."),
    (r"^model\.10\.", "conv_last."),
)
_OUTER = ("conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last")
_UNSHUFFLE = {3: 1, 12: 2, 48: 4}


def recognise(state: State) -> Net | None:
    """Say what net these weights are, or None if they are not of this kind."""
    named = {_name(key): array for key, array in state.items()}
    if len(named) != len(state):
        return None
    blocks = len({key.split(".")[1] for key in named if key.startswith("body.")})
    dense = [
        f"body.{i}.rdb{j}.conv{k}" for i in range(blocks) for j in (1, 2, 3) for k in range(1, 6)
    ]
    expected = {f"{name}.{part}" for name in (*_OUTER, *dense) for part in ("weight", "bias")}
    if not blocks or set(named) != expected:
        return None
    factor = _UNSHUFFLE.get(named["conv_first.weight"].shape[1])
    if factor is None or named["conv_last.weight"].shape[0] != 3:
        return None

    def body(graph: GraphWriter, value: str) -> str:
        return _Body(graph, named, blocks, factor).write(value)

    return Net(
        architecture="rrdb",
        scale=4 // factor,
        colour="rgb",
        radius=factor * (15 * blocks + 5),
        multiple=factor,
        half=True,
        parameters=parameters(state),
        body=body,
    )


def _name(key: str) -> str:
    for pattern, name in _RENAMED:
        key, changed = re.subn(pattern, name, key)
        if changed:
            return key
    return key


class _Body:
    """Writes the nodes."""

    def __init__(self, graph: GraphWriter, state: State, blocks: int, factor: int) -> None:
        self._graph = graph
        self._state = state
        self._blocks = blocks
        self._factor = factor

    def write(self, picture: str) -> str:
        graph = self._graph
        first = self._state["conv_first.weight"]
        if self._factor > 1:
            picture = graph.node("SpaceToDepth", [picture], "unshuffled", blocksize=self._factor)
            first = _block_first(first, self._factor)
        shallow = graph.conv(picture, "conv_first", first, self._state["conv_first.bias"])
        value = shallow
        for i in range(self._blocks):
            value = self._residual_blocks(value, f"body.{i}")
        value = graph.node("Add", [self._conv(value, "conv_body"), shallow], "features")
        for name in ("conv_up1", "conv_up2"):
            value = self._act(self._conv(self._twice(value, f"{name}.nearest"), name))
        return self._conv(self._act(self._conv(value, "conv_hr")), "conv_last")

    def _residual_blocks(self, value: str, name: str) -> str:
        inner = value
        for j in (1, 2, 3):
            inner = self._dense(inner, f"{name}.rdb{j}")
        return self._onto(inner, value, name)

    def _dense(self, value: str, name: str) -> str:
        parts = [value]
        inner = self._conv(value, f"{name}.conv1")
        for k in range(2, 6):
            parts.append(self._act(inner))
            seen = self._graph.node("Concat", parts, f"{name}.cat{k}", axis=1)
            inner = self._conv(seen, f"{name}.conv{k}")
        return self._onto(inner, value, name)

    def _onto(self, inner: str, value: str, name: str) -> str:
        share = self._graph.constant("share.inner", 0.2)
        scaled = self._graph.node("Mul", [inner, share], f"{name}.scaled")
        return self._graph.node("Add", [scaled, value], name)

    def _conv(self, value: str, name: str) -> str:
        weight, bias = self._state[f"{name}.weight"], self._state[f"{name}.bias"]
        return self._graph.conv(value, name, weight, bias)

    def _act(self, value: str) -> str:
        return self._graph.node("LeakyRelu", [value], f"{value}.act", alpha=0.2)

    def _twice(self, value: str, name: str) -> str:
        scales = np.array([1, 1, 2, 2], np.float32)
        return self._graph.node(
            "Resize",
            [value, "", self._graph.constant("twice", scales)],
            name,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )


def _block_first(weight: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Sort input channels as SpaceToDepth has them: torch's unshuffle keeps colours apart."""
    out, _, height, width = weight.shape
    sorted_ = weight.reshape(out, 3, factor * factor, height, width).transpose(0, 2, 1, 3, 4)
    return sorted_.reshape(weight.shape)
