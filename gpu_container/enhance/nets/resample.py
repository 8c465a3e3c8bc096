"""Bicubic enlargement by a whole factor, as elementwise operations.

The kernel is Keys' with a = -0.75, pixels are squares whose centres lie at halves, edges are
repeated: what OpenCV, torch and ONNX's `Resize` do. Written out as shifted, weighted copies because
OpenVINO's own cubic `Resize` takes several times as long as a whole net, and because a convolution
would be run in half precision with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enhance.graph import GraphWriter

_A = -0.75
REACH = 2
"""How far a sample looks, in samples of the source."""


def cubic(distance: float, a: float = _A) -> float:
    """Keys' kernel."""
    t = abs(distance)
    if t < 1:
        return ((a + 2) * t - (a + 3)) * t * t + 1
    return (((t - 5) * t + 8) * t - 4) * a if t < 2 else 0.0


def phases(scale: int, sub: int = 1, first: bool = False) -> tuple[float, ...]:
    """Where the `scale` new samples of each old one lie, in old samples from it.

    Args:
        scale: How many new samples per old one.
        sub: How many luma samples share one of this plane: 1 or 2.
        first: The plane's samples sit on the first luma sample of theirs, not amid them.
    """
    centre = 0.5 if not first else 0.5 / sub
    return tuple((k + centre) / scale - centre for k in range(scale))


def enlarge(
    graph: GraphWriter, plane: str, name: str, down: Sequence[float], across: Sequence[float]
) -> str:
    """Add the operations: samples (1, 1, h, w), bytes or fp32, to fp32 (1, phases, h, w)."""
    pads = graph.constant("edges", [0, 0, REACH, REACH, 0, 0, REACH, REACH])
    padded = graph.node("Pad", [plane, pads], f"{name}.padded", mode="edge")

    def number(value: str) -> str:
        return graph.node("Cast", [value], f"{value}.float", to=1)

    # Rows first, and as they come: whole samples are a quarter of the bytes to copy.
    rows = _taps(graph, padded, f"{name}.y", 2, down, number)
    parts = [
        part
        for i, row in enumerate(rows)
        for part in _taps(graph, row, f"{name}.x{i}", 3, across, lambda value: value)
    ]
    return graph.node("Concat", parts, name, axis=1)


def _taps(
    graph: GraphWriter,
    plane: str,
    name: str,
    axis: int,
    at: Sequence[float],
    number: Callable[[str], str],
) -> list[str]:
    """Weighted sums along an axis of a padded plane, one for each phase."""
    shifted: dict[int, str] = {}
    sums: list[str] = []
    for j, offset in enumerate(at):
        total = ""
        for k in range(-REACH, REACH + 1):
            weight = cubic(k - offset)
            if not weight:
                continue
            if k not in shifted:
                shifted[k] = number(_shift(graph, plane, f"{name}.{k}", axis, k))
            factor = graph.constant(f"w{weight!r}", weight)
            scaled = graph.node("Mul", [shifted[k], factor], f"{name}.{j}.{k}.w")
            total = graph.node("Add", [total, scaled], f"{name}.{j}.{k}") if total else scaled
        sums.append(total)
    return sums


def _shift(graph: GraphWriter, plane: str, name: str, axis: int, k: int) -> str:
    end = k - REACH if k < REACH else 2**31 - 1
    bounds = [
        graph.constant(f"at{k + REACH}", [k + REACH]),
        graph.constant(f"to{end}", [end]),
        graph.constant(f"axis{axis}", [axis]),
    ]
    return graph.node("Slice", [plane, *bounds], name)
