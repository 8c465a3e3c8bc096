"""Which engine, on which device, at which precision."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal

import numpy as np

from enhance.engines.probe import probe_graph
from enhance.engines.seam import Compute, Device, Precision
from enhance.errors import NoDeviceError

EngineName = Literal["openvino", "onnxruntime", "torch"]

_CPU_ENGINES: tuple[EngineName, ...] = ("openvino", "onnxruntime", "torch")
"""Fastest first."""
_GAIN = 1.1
"""How much faster bf16 must be to be taken: it costs a little exactness."""


def open_compute(
    device: Device = "auto",
    precision: Precision = "auto",
    *,
    threads: int | None = None,
    engine: EngineName | None = None,
) -> Compute:
    """Open the device once for the process.

    Args:
        device: `cuda` fails where there is none; `auto` takes it where there is one.
        precision: Of the convolutions. `auto`: fp16 on a GPU; on a CPU, bf16 where a short probe
            finds it faster.
        threads: CPU threads for the nets; None: as many as the machine gives.
        engine: For comparisons; None: the fastest installed.

    Raises:
        NoDeviceError: `cuda_missing`; `engine_missing` when no engine is installed.
    """
    if device != "cpu" and engine in (None, "torch") and _cuda_there():
        from enhance.engines.torch_engine import TorchCompute

        return TorchCompute("cuda", "fp16" if precision == "auto" else precision, threads)
    if device == "cuda":
        raise NoDeviceError("cuda_missing", _why_no_cuda())
    return _on_cpu(engine or _installed(), precision, threads)


def _cuda_there() -> bool:
    if find_spec("torch") is None:
        return False
    import torch  # pyright: ignore[reportMissingImports]

    return bool(torch.cuda.is_available())


def _why_no_cuda() -> str:
    if find_spec("torch") is None:
        return "device cuda is demanded, and torch, which drives it, is not installed"
    return "device cuda is demanded, and torch sees no GPU: check the driver, or say device auto"


def _installed() -> EngineName:
    for name in _CPU_ENGINES:
        if find_spec(name) is not None:
            return name
    raise NoDeviceError(
        "engine_missing", f"none of {', '.join(_CPU_ENGINES)} is installed: install openvino"
    )


def _on_cpu(engine: EngineName, precision: Precision, threads: int | None) -> Compute:
    note = () if engine == "openvino" else (f"openvino is not used: {engine} is slower",)
    if engine == "openvino":
        from enhance.engines.openvino_engine import OpenVinoCompute

        def opened(kind: Literal["fp32", "bf16"], notes: tuple[str, ...] = ()) -> Compute:
            return OpenVinoCompute(kind, threads, notes)

        return _at_precision(opened, precision)
    if engine == "torch":
        from enhance.engines.torch_engine import TorchCompute

        def in_torch(kind: Literal["fp32", "bf16"], notes: tuple[str, ...] = ()) -> Compute:
            return TorchCompute("cpu", kind, threads, note + notes)

        return _at_precision(in_torch, precision)
    from enhance.engines.onnxruntime_engine import OnnxRuntimeCompute

    if precision not in ("auto", "fp32"):
        note = (*note, f"precision {precision} is not at hand: fp32")
    return OnnxRuntimeCompute(threads, note)


def _at_precision(opened: Callable[..., Compute], precision: Precision) -> Compute:
    if precision == "auto":
        gain = bf16_gain(opened("fp32"), opened("bf16"))
        kind = "bf16" if gain >= _GAIN else "fp32"
        return opened(kind, (f"{kind}: bf16 runs at {gain:.1f} times the speed of fp32 here",))
    if precision == "fp16":
        return opened("fp32", ("precision fp16 is for GPUs: fp32",))
    return opened(precision)


def bf16_gain(
    fp32: Compute, bf16: Compute, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Run a small net on both, in turns, and say how many times faster bf16 was at its best."""
    graph = probe_graph()
    frame = (np.zeros((96, 160), np.uint8),)
    runners = [compute.load(graph) for compute in (fp32, bf16)]
    best = [float("inf"), float("inf")]
    for _ in range(12):
        for i, runner in enumerate(runners):
            start = clock()
            runner.start(frame).result()
            best[i] = min(best[i], clock() - start)
    return best[0] / best[1]
