"""Writes ONNX graphs, one node per call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
_IR_VERSION = 10
"""The oldest that knows the op set: engines of some age read it."""

ELEMENT = {
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "float32": TensorProto.FLOAT,
}


class GraphWriter:
    """A graph in the making. Values are named by text; every call names its result."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def constant(self, name: str, values: NDArray[Any] | Sequence[int] | float) -> str:
        """Keep a constant. Whole numbers become int64, a single number float32.

        The same name twice means the same constant.
        """
        if isinstance(values, float | int):
            array: NDArray[Any] = np.asarray(values, np.float32)
        elif isinstance(values, np.ndarray):
            array = values
        else:
            array = np.asarray(values, np.int64)
        self._constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def node(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add an operation with one result, and give the result's name."""
        self._nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def input(self, name: str, kind: str, shape: Sequence[int | str]) -> str:
        """Declare an input; text in a shape is a size that is known when it runs."""
        self._inputs.append(helper.make_tensor_value_info(name, ELEMENT[kind], list(shape)))
        return name

    def output(self, name: str, kind: str, shape: Sequence[int | str]) -> None:
        """Declare that a value is a result."""
        self._outputs.append(helper.make_tensor_value_info(name, ELEMENT[kind], list(shape)))

    def model(self) -> onnx.ModelProto:
        """Finish.

        Raises:
            onnx.checker.ValidationError: The graph is not one: a defect of ours.
        """
        graph = helper.make_graph(
            self._nodes,
            self._name,
            self._inputs,
            self._outputs,
            list(self._constants.values()),
        )
        domains = {node.domain for node in self._nodes}
        opsets = [helper.make_opsetid(name, 1 if name else OPSET) for name in sorted(domains)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="enhance"
        )
        onnx.checker.check_model(model)
        return model

    def conv(
        self,
        source: str,
        name: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        pad: int | None = None,
    ) -> str:
        """Convolve with stride 1; zeros around the picture keep its size, unless `pad` says."""
        height, width = weight.shape[2:]
        around = [height // 2, width // 2] * 2 if pad is None else [pad] * 4
        inputs = [source, self.constant(f"{name}.weight", np.ascontiguousarray(weight))]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", np.ascontiguousarray(bias)))
        return self.node("Conv", inputs, name, kernel_shape=[height, width], pads=around)

    def shuffle(self, source: str, name: str, block: int) -> str:
        """Channels become pixels: (c * block², h, w) to (c, h * block, w * block)."""
        return self.node("DepthToSpace", [source], name, blocksize=block, mode="CRD")
