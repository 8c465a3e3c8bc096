"""A GPU's own limits, measured, and a 64-feature net on it: `python -m bench.enhance.roofline`.

The bound of a net is the lesser of two: its arithmetic at the speed of a large half-precision
matrix product, and its unfused half-precision activations (each layer reads its input and writes
its output) at the speed of a large copy.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 1280, 720
FEATURES, HIDDEN, SCALE = 64, 16, 2
_OUT = 3 * SCALE * SCALE
_MACS = 9 * (3 * FEATURES + HIDDEN * FEATURES * FEATURES + FEATURES * _OUT)
"""Multiplications per pixel of the source."""
_BYTES = 2 * (3 + 2 * FEATURES * (HIDDEN + 1) + _OUT)
"""Read and written per pixel of the source."""
_SECONDS = 3.0


def main() -> int:
    """Print limits and speed as a line of JSON."""
    import torch  # pyright: ignore[reportMissingImports]

    pixels = WIDTH * HEIGHT
    tflops, bytes_per_s = _arithmetic(torch), _bandwidth(torch)
    print(
        json.dumps(
            {
                "tflops": tflops / 1e12,
                "gb_per_s": bytes_per_s / 1e9,
                "compute_fps": tflops / (2 * _MACS * pixels),
                "memory_fps": bytes_per_s / (_BYTES * pixels),
                "fps": _net(),
            }
        )
    )
    return 0


def _rate(torch: Any, work: Callable[[], Any]) -> float:
    """How often per second the device does it."""
    for _ in range(5):
        work()
    torch.cuda.synchronize()
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < _SECONDS:
        for _ in range(10):
            work()
        torch.cuda.synchronize()
        count += 10
    return count / (time.monotonic() - begun)


def _arithmetic(torch: Any) -> float:
    edge = 8192
    one, two = (torch.randn(edge, edge, device="cuda", dtype=torch.float16) for _ in range(2))
    return 2 * edge**3 * _rate(torch, lambda: one @ two)


def _bandwidth(torch: Any) -> float:
    one = torch.empty(1 << 30, device="cuda", dtype=torch.uint8)
    two = torch.empty_like(one)
    return 2 * one.numel() * _rate(torch, lambda: two.copy_(one))


def _net() -> float:
    """Our engine with a Compact net of random weights, planes in and planes out."""
    from enhance.engines import open_compute
    from enhance.engines.flow import through
    from enhance.frames import Frame, StreamFacts
    from enhance.nets.load import load_net
    from enhance.nets.planes import plane_graph

    with tempfile.TemporaryDirectory() as folder:
        net = load_net(_random_weights(Path(folder, "compact.safetensors")))
    facts = StreamFacts(WIDTH, HEIGHT, "yuv420p", 8, 2, 2, Fraction(1, 25), Fraction(25))
    runner = open_compute("cuda", "auto").load(plane_graph(net, facts))
    shapes = ((HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2), (HEIGHT // 2, WIDTH // 2))
    planes = tuple(np.full(shape, 128, np.uint8) for shape in shapes)

    def run(count: int) -> None:
        for _ in through(runner, (Frame(planes, i, 1) for i in range(count))):
            pass

    run(10)
    frames, begun = 0, time.monotonic()
    while time.monotonic() - begun < 2 * _SECONDS:
        run(60)
        frames += 60
    return frames / (time.monotonic() - begun)


def _random_weights(path: Path) -> Path:
    """A file of the Compact family, as its published weights name them."""
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    widths = [3, *[FEATURES] * (HIDDEN + 1), _OUT]
    arrays: dict[str, Any] = {}
    for i, (inside, outside) in enumerate(pairwise(widths)):
        weight = rng.normal(0, 0.05, (outside, inside, 3, 3)).astype(np.float32)
        arrays[f"body.{2 * i}.weight"] = weight
        arrays[f"body.{2 * i}.bias"] = np.zeros(outside, np.float32)
        if outside == FEATURES:
            arrays[f"body.{2 * i + 1}.weight"] = np.full(FEATURES, 0.2, np.float32)  # PReLU
    save_file(arrays, str(path))
    return path


if __name__ == "__main__":
    sys.exit(main())
