"""ONNX Runtime on a CPU: slower than OpenVINO, and there for more machines."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnxruntime as ort

from enhance.engines.layout import laid_out
from enhance.engines.seam import PlaneGraph
from enhance.engines.tiles import EngineMemoryError, TiledRunner
from enhance.frames import Plane

_MEMORY_WORDS = ("bad_alloc", "bad allocation", "Failed to allocate", "out of memory")


class OnnxRuntimeCompute:
    """See `Compute`. Always fp32: its CPU kernels know nothing else."""

    device: Literal["cpu"] = "cpu"
    engine: Literal["onnxruntime"] = "onnxruntime"
    precision: Literal["fp32"] = "fp32"

    def __init__(self, threads: int | None, notes: tuple[str, ...] = ()) -> None:
        self.name = platform.processor() or platform.machine()
        self.notes = notes
        self._threads = threads
        self._options = ort.SessionOptions()
        self._options.log_severity_level = 3
        if threads:
            self._options.intra_op_num_threads = threads

    def load(self, graph: PlaneGraph) -> TiledRunner:
        """Read the graph."""
        if graph.module is not None:
            from enhance.engines.torch_engine import TorchCompute

            return TorchCompute("cpu", "fp32", self._threads).load(graph)
        return TiledRunner(_Engine(graph, self._options), graph)


class _Engine:
    depth = 1

    def __init__(self, graph: PlaneGraph, options: ort.SessionOptions) -> None:
        self._graph = graph
        self._session = ort.InferenceSession(
            graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def start(self, planes: Sequence[Plane]) -> _Done:
        names = [port.name for port in self._graph.outputs]
        feed = {
            port.name: np.ascontiguousarray(plane)[None, None]
            for port, plane in zip(self._graph.inputs, planes, strict=True)
        }
        try:
            results: Any = self._session.run(names, feed)
        except Exception as exc:
            # ONNX Runtime's exceptions share no base but Exception.
            if isinstance(exc, MemoryError) or any(word in str(exc) for word in _MEMORY_WORDS):
                raise EngineMemoryError(str(exc)) from exc
            raise
        return _Done(tuple(laid_out(result[0], self._graph.block) for result in results))


class _Done:
    def __init__(self, planes: tuple[Plane, ...]) -> None:
        self._planes = planes

    def result(self) -> tuple[Plane, ...]:
        return self._planes
