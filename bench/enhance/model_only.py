"""One engine, the net alone, 360p luma planes to 720p: `python -m bench.enhance.model_only ENGINE`.

Ours runs the whole graph, from bytes to bytes, bicubic base included. The peers are given less to
do: the same net's convolutions alone, on floats that are ready.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from enhance.frames import StreamFacts
from enhance.memory import keep_memory

WIDTH, HEIGHT = 640, 360
_FACTS = StreamFacts(WIDTH, HEIGHT, "gray", 8, 0, 0, Fraction(1, 25), Fraction(25))
_SECONDS = 2.5


def main(argv: list[str]) -> int:
    """Print frames per second as a line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=sorted(_ENGINES))
    parser.add_argument("--model", default="luma-x2-clean")
    args = parser.parse_args(argv)
    luma = np.random.default_rng(0).integers(16, 236, (HEIGHT, WIDTH), np.uint8)
    run = _ENGINES[args.engine](args.model, luma)
    run(5)
    frames, begun = 0, time.monotonic()
    while time.monotonic() - begun < _SECONDS:
        run(8)
        frames += 8
    print(json.dumps({"fps": frames / (time.monotonic() - begun)}))
    return 0


def _ours(model: str, luma: np.ndarray) -> Callable[[int], None]:
    keep_memory()
    from enhance.engines import open_compute
    from enhance.engines.flow import through
    from enhance.frames import Frame

    runner = open_compute("cpu", "auto").load(_graph(model))

    def run(count: int) -> None:
        for _ in through(runner, (Frame((luma,), i, 1) for i in range(count))):
            pass

    return run


def _onnxruntime(model: str, luma: np.ndarray) -> Callable[[int], None]:
    import onnxruntime

    session = onnxruntime.InferenceSession(_body(model), providers=["CPUExecutionProvider"])
    feed = {"x": luma[None, None].astype(np.float32) / 255}

    def run(count: int) -> None:
        for _ in range(count):
            session.run(None, feed)

    return run


def _opencv(model: str, luma: np.ndarray) -> Callable[[int], None]:
    import cv2

    ready = cv2.dnn.readNetFromONNX(np.frombuffer(_body(model), np.uint8))
    value = luma[None, None].astype(np.float32) / 255

    def run(count: int) -> None:
        for _ in range(count):
            ready.setInput(value)
            ready.forward()

    return run


def _body(model: str) -> bytes:
    from enhance.graph import GraphWriter
    from enhance.nets.load import shipped_net

    net = shipped_net(model)
    graph = GraphWriter("body")
    graph.input("x", "float32", [1, 1, HEIGHT, WIDTH])
    graph.shuffle(net.body(graph, "x"), "out", net.scale)
    graph.output("out", "float32", [1, 1, HEIGHT * net.scale, WIDTH * net.scale])
    return graph.model().SerializeToString()


def _graph(model: str) -> Any:
    from enhance.nets.load import shipped_net
    from enhance.nets.planes import plane_graph

    return plane_graph(shipped_net(model), _FACTS)


_ENGINES = {"ours": _ours, "onnxruntime": _onnxruntime, "opencv": _opencv}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
