"""OpenVINO on a CPU: the fastest there, at a tenth of torch's size."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from enhance.engines.layout import laid_out
from enhance.engines.seam import PlaneGraph
from enhance.engines.tiles import EngineMemoryError, TiledRunner
from enhance.frames import Plane

# Importing openvino tells its makers so over the network, unless this package is missing.
sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore

import openvino as ov  # noqa: E402

_MEMORY_WORDS = ("bad_alloc", "Cannot allocate", "could not allocate", "out of memory")
"""How OpenVINO's exceptions, which have one type, say that memory ran out."""


@cache
def _core() -> ov.Core:
    """Open OpenVINO once, and keep it until the process ends.

    On a CPU with AMX it makes a stack of its own the thread's signal stack, and frees it with its
    last core: the next SIGTERM would be a segmentation fault instead of a checkpoint.
    """
    return ov.Core()


class OpenVinoCompute:
    """See `Compute`."""

    device: Literal["cpu"] = "cpu"
    engine: Literal["openvino"] = "openvino"

    def __init__(
        self, precision: Literal["fp32", "bf16"], threads: int | None, notes: tuple[str, ...] = ()
    ) -> None:
        self.precision: Literal["fp32", "bf16"] = precision
        self.notes = notes
        self._threads = threads
        self._core = _core()
        self.name = str(self._core.get_property("CPU", "FULL_DEVICE_NAME"))
        self._options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
            # One stream with all cores. Decoder and encoder want the same cores: threads that may
            # not move lose a fifth to a third of their speed to them.
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            self._options["INFERENCE_NUM_THREADS"] = threads

    def load(self, graph: PlaneGraph) -> TiledRunner:
        """Read the graph; it is compiled for a size when a frame of that size comes."""
        if graph.module is not None:
            from enhance.engines.torch_engine import TorchCompute

            return TorchCompute("cpu", "fp32", self._threads).load(graph)
        return TiledRunner(_Engine(self._core, graph, self._options), graph)


class _Engine:
    depth = 2
    """One frame is computed while the one before it is laid out and handed on."""

    def __init__(self, core: ov.Core, graph: PlaneGraph, options: dict[str, Any]) -> None:
        self._core = core
        self._graph = graph
        self._options = dict(options)
        if not graph.half:
            self._options["INFERENCE_PRECISION_HINT"] = "f32"
        self._model = graph.model.SerializeToString()
        self._shapes: tuple[tuple[int, ...], ...] = ()
        self._compiled: Any = None
        self._free: list[Any] = []

    def start(self, planes: Sequence[Plane]) -> _Pending:
        try:
            request = self._request(tuple((1, 1, *plane.shape) for plane in planes))
            arrays = [
                np.ascontiguousarray(plane).reshape(shape)
                for plane, shape in zip(planes, self._shapes, strict=True)
            ]
            for port, array in zip(self._graph.inputs, arrays, strict=True):
                request.set_tensor(port.name, ov.Tensor(array, shared_memory=True))
            request.start_async()
        except (RuntimeError, MemoryError) as exc:
            raise _sorted(exc) from exc
        return _Pending(request, arrays, self._free, self._graph)

    def _request(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        """Give a free request for this size, compiling the graph where the size is new."""
        if shapes != self._shapes:
            model = self._core.read_model(self._model)
            names = (port.name for port in self._graph.inputs)
            model.reshape(dict(zip(names, shapes, strict=True)))
            self._compiled = self._core.compile_model(model, "CPU", self._options)
            self._shapes, self._free = shapes, []
        return self._free.pop() if self._free else self._compiled.create_infer_request()


class _Pending:
    def __init__(
        self, request: Any, arrays: list[NDArray[Any]], free: list[Any], graph: PlaneGraph
    ) -> None:
        self._request = request
        self._arrays = arrays
        """The engine reads them where they are."""
        self._free = free
        self._graph = graph

    def result(self) -> tuple[Plane, ...]:
        try:
            self._request.wait()
        except (RuntimeError, MemoryError) as exc:
            raise _sorted(exc) from exc
        block = self._graph.block
        planes = tuple(
            _own(self._request.get_tensor(port.name).data[0], block) for port in self._graph.outputs
        )
        self._free.append(self._request)
        return planes


def _own(samples: NDArray[Any], block: int) -> Plane:
    """Lay out, in memory that is not the engine's: the next frame overwrites that."""
    plane = laid_out(samples, block)
    # blocks are moved, and so copied, unless there is nothing to move: one sample, or one column
    return plane.copy() if np.may_share_memory(plane, samples) else plane


def _sorted(exc: Exception) -> Exception:
    """Tell a lack of memory from everything else."""
    if isinstance(exc, MemoryError) or any(word in str(exc) for word in _MEMORY_WORDS):
        return EngineMemoryError(str(exc))
    return exc
