"""torch: what runs the nets on a GPU. On a CPU it serves to check the other engines.

Frames go round a few lanes. A lane has a CUDA stream of its own: its upload, its kernels and its
download follow each other, while the other lanes' do the same. The host waits for nothing but the
result it asks for. Uploads and downloads use pinned memory, which alone can be copied meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from enhance.engines.interpreter import TorchGraph
from enhance.engines.seam import PlaneGraph
from enhance.engines.tiles import EngineMemoryError, TiledRunner
from enhance.frames import Plane

_LANES = 3
_HALF = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchCompute:
    """See `Compute`."""

    engine: Literal["torch"] = "torch"

    def __init__(
        self,
        device: Literal["cpu", "cuda"],
        precision: Literal["fp32", "bf16", "fp16"],
        threads: int | None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.device: Literal["cpu", "cuda"] = device
        self.precision: Literal["fp32", "bf16", "fp16"] = precision
        self.notes = notes
        self.name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
        if device == "cuda":
            # Sizes stay the same for a whole stream: cuDNN's search pays.
            torch.backends.cudnn.benchmark = True
        elif threads:
            torch.set_num_threads(threads)

    def load(self, graph: PlaneGraph) -> TiledRunner:
        """Put the weights on the device."""
        half = _HALF[self.precision if graph.half else "fp32"]
        return TiledRunner(_Engine(graph, self.device, half), graph)


class _Engine:
    def __init__(self, graph: PlaneGraph, device: str, half: Any) -> None:
        self._graph = graph
        self._device = device
        self._net = TorchGraph(graph.model, device, half, graph.module)
        cuda = device == "cuda"
        if cuda:
            # The weights' last conversions run on the default stream, which the lanes do not await.
            torch.cuda.synchronize()
        self._streams = [torch.cuda.Stream() for _ in range(_LANES)] if cuda else [None]
        self._next = 0
        self.depth = len(self._streams)

    def start(self, planes: Sequence[Plane]) -> _Pending:
        stream = self._streams[self._next]
        self._next = (self._next + 1) % len(self._streams)
        lane = torch.cuda.stream(stream) if stream else contextlib.nullcontext()
        try:
            with torch.inference_mode(), lane:
                given = {
                    port.name: self._up(plane)
                    for port, plane in zip(self._graph.inputs, planes, strict=True)
                }
                results = [self._down(value[0]) for value in self._net.run(given)]
                done = stream.record_event() if stream else None
        except (RuntimeError, MemoryError) as exc:
            raise _sorted(exc) from exc
        return _Pending(results, done)

    def _up(self, plane: Plane) -> Any:
        host = torch.from_numpy(np.ascontiguousarray(plane))
        if self._device == "cuda":
            host = host.pin_memory().to("cuda", non_blocking=True)
        return host[None, None]

    def _down(self, samples: Any) -> Any:
        height, width, count = samples.shape
        block = round(count**0.5)
        shape = height * block, width * block
        plane = samples.view(height, width, block, block).transpose(1, 2).reshape(shape)
        if self._device != "cuda":
            return plane
        host = torch.empty(shape, dtype=plane.dtype, pin_memory=True)
        return host.copy_(plane, non_blocking=True)


class _Pending:
    def __init__(self, results: list[Any], done: Any) -> None:
        self._results = results
        self._done = done

    def result(self) -> tuple[Plane, ...]:
        if self._done is not None:
            self._done.synchronize()
        return tuple(result.numpy() for result in self._results)


def _sorted(exc: Exception) -> Exception:
    """Tell a lack of memory, of the device or the host, from everything else."""
    if isinstance(exc, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(exc):
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return EngineMemoryError(str(exc))
    return exc
