"""Runs an ONNX graph as torch operations: the nets are written once, for every engine.

Only what our graphs use. Convolutions and what leads to them run in the chosen precision, all that
comes behind the last convolution in fp32, as OpenVINO has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx
import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # noqa: N812  # pyright: ignore[reportMissingImports]
from onnx import helper, numpy_helper

Tensor = Any
Attributes = Mapping[str, Any]
Operation = Callable[[list[Tensor], Attributes], Tensor]

_HALF = ("Conv", "Module")
_KINDS = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.UINT8: torch.uint8,
    onnx.TensorProto.UINT16: torch.uint16,
}


class TorchGraph:
    """A graph with its constants on a device."""

    def __init__(self, model: onnx.ModelProto, device: str, half: Any, module: Any = None) -> None:
        self._nodes = list(model.graph.node)
        self._attributes = [
            {a.name: helper.get_attribute_value(a) for a in node.attribute} for node in self._nodes
        ]
        self._outputs = [value.name for value in model.graph.output]
        self._half = half
        self._module: Any = module.to(device, half) if module is not None else None
        self._inner = _leads_to_conv(self._nodes)
        self._constants: dict[str, Tensor] = {}
        for tensor in model.graph.initializer:
            array = numpy_helper.to_array(tensor).copy()
            value = torch.from_numpy(array) if array.ndim else torch.tensor(array.item())
            # Bounds, axes and single numbers are read on the host: a GPU would have to be asked.
            if value.dtype == torch.float32 and value.ndim:
                value = value.to(device)
            self._constants[tensor.name] = value
        self._keep_ready(device)

    def _keep_ready(self, device: str) -> None:
        """Weights in the precision and layout that the convolutions want, once for all frames."""
        for node in self._nodes:
            if node.op_type == "Gather":
                self._constants[node.input[1]] = self._constants[node.input[1]].to(device)
            if node.op_type == "Conv":
                for name in node.input[1:]:
                    weight = self._constants[name].to(self._half)
                    if weight.ndim == 4:
                        weight = weight.to(memory_format=torch.channels_last)
                    self._constants[name] = weight

    def run(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """Compute the outputs, in the graph's order."""
        values: dict[str, Tensor] = {"": None, **self._constants, **inputs}
        for node, attributes in zip(self._nodes, self._attributes, strict=True):
            given = [values[name] for name in node.input]
            values[node.output[0]] = self._one(node, given, attributes)
        return [values[name] for name in self._outputs]

    def _one(self, node: onnx.NodeProto, given: list[Tensor], attributes: Attributes) -> Tensor:
        if node.op_type in _HALF:
            given[0] = given[0].to(self._half, memory_format=torch.channels_last)
        elif node.output[0] not in self._inner:
            given = [_as(value, torch.float32) for value in given]
        elif any(isinstance(v, torch.Tensor) and v.dtype == self._half for v in given):
            given = [_as(value, self._half) for value in given]
        if node.op_type == "Module":
            return self._module(given[0])
        return _OPERATIONS[node.op_type](given, attributes)


def _leads_to_conv(nodes: list[onnx.NodeProto]) -> set[str]:
    """Name the values that some convolution is computed from, and what convolutions give."""
    inner: set[str] = set()
    for node in reversed(nodes):
        if node.op_type in _HALF:
            inner.add(node.input[0])
        elif node.output[0] in inner:
            inner.update(node.input)
    return inner


def _as(value: Tensor, kind: Any) -> Tensor:
    floating = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.to(kind) if floating and value.ndim else value


def _conv(given: list[Tensor], attributes: Attributes) -> Tensor:
    pads = attributes.get("pads", [0, 0, 0, 0])
    bias = given[2] if len(given) > 2 else None
    return F.conv2d(
        given[0], given[1], bias, padding=tuple(pads[:2]), groups=attributes.get("group", 1)
    )


def _pad(given: list[Tensor], attributes: Attributes) -> Tensor:
    _, _, top, left, _, _, bottom, right = given[1].tolist()
    # Samples of a byte or two are exact in fp32, and torch repeats the edges of nothing smaller.
    return F.pad(given[0].to(torch.float32), (left, right, top, bottom), mode="replicate")


def _slice(given: list[Tensor], attributes: Attributes) -> Tensor:
    start, stop, axis = (int(value.item()) for value in given[1:4])
    step = int(given[4].item()) if len(given) > 4 else 1
    index = [slice(None)] * given[0].ndim
    index[axis] = slice(start, min(stop, given[0].shape[axis]), step)
    return given[0][tuple(index)]


def _resize(given: list[Tensor], attributes: Attributes) -> Tensor:
    return F.interpolate(given[0], scale_factor=int(given[2][-1].item()), mode="nearest")


def _to_depth(given: list[Tensor], attributes: Attributes) -> Tensor:
    batch, channels, height, width = given[0].shape
    block = attributes["blocksize"]
    parts = given[0].reshape(batch, channels, height // block, block, width // block, block)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(
        batch, channels * block * block, height // block, width // block
    )


def _reshape(given: list[Tensor], attributes: Attributes) -> Tensor:
    shape = [given[0].shape[i] if size == 0 else size for i, size in enumerate(given[1].tolist())]
    return given[0].reshape(shape)


_OPERATIONS: dict[str, Operation] = {
    "Add": lambda v, a: v[0] + v[1],
    "Cast": lambda v, a: v[0].to(_KINDS[a["to"]]),
    "Clip": lambda v, a: v[0].clamp(v[1].item(), v[2].item()),
    "Concat": lambda v, a: torch.cat(v, a["axis"]),
    "Conv": _conv,
    "DepthToSpace": lambda v, a: F.pixel_shuffle(v[0], a["blocksize"]),
    "Gather": lambda v, a: v[0].index_select(a["axis"], v[1]),
    "LeakyRelu": lambda v, a: F.leaky_relu(v[0], a["alpha"]),
    "Mul": lambda v, a: v[0] * v[1],
    "PRelu": lambda v, a: F.prelu(v[0], v[1].flatten()),
    "Pad": _pad,
    "Relu": lambda v, a: F.relu(v[0]),
    "Reshape": _reshape,
    "Resize": _resize,
    "Round": lambda v, a: v[0].round(),
    "Sigmoid": lambda v, a: torch.sigmoid(v[0]),
    "Slice": _slice,
    "SpaceToDepth": _to_depth,
    "Sub": lambda v, a: v[0] - v[1],
    "Transpose": lambda v, a: v[0].permute(a["perm"]),
    "Unsqueeze": lambda v, a: v[0].unsqueeze(int(v[1].item())),
}
