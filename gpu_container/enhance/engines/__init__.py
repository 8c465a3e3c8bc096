"""What runs the nets: one small seam, three engines, one graph.

`open_compute` is called once per process. What it gives loads a `PlaneGraph` (ONNX inside: planes
of a frame in, planes out) and runs it, several frames in flight:

    compute = open_compute("auto", "auto")
    runner = compute.load(graph)
    pending = runner.start(frame.planes)
    planes = pending.result()

OpenVINO runs it on a CPU, ONNX Runtime where OpenVINO is not installed, torch on a GPU. A GPU that
is demanded and absent is an error, never silently the CPU.
"""

from __future__ import annotations

from enhance.engines.choice import open_compute
from enhance.engines.seam import Compute, Pending, PlaneGraph, PlanePort, Runner

__all__ = ["Compute", "Pending", "PlaneGraph", "PlanePort", "Runner", "open_compute"]
