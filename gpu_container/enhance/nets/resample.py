"""Bicubic enlargement by a whole factor, as elementwise operations.

The kernel is Keys' with a = -0.75, pixels are squares whose centres lie at halves, edges are
repeated: what OpenCV, torch and ONNX's `Resize` do. Written out as shifted, weighted copies because
OpenVINO's own cubic `Resize` takes several times as long as a whole net here, and a convolution
would be run in half precision with the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from enhance.nets.graph import GraphWriter

_A = -0.75
_REACH = 2
"""Taps on each side of a pixel: four, but which four depends on the phase."""


def cubic(distance: float) -> float:
    """Keys' kernel."""
    t = abs(distance)
    if t < 1:
        return ((_A + 2) * t - (_A + 3)) * t * t + 1
    return (((t - 5) * t + 8) * t - 4) * _A if t < 2 else 0.0


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
    """Add the operations: (1, 1, h, w) to (1, phases, h, w), which a shuffle makes larger."""
    if list(down) == [0.0] and list(across) == [0.0]:
        return plane
    pads = graph.constant("edges", [0, 0, _REACH, _REACH, 0, 0, _REACH, _REACH])
    padded = graph.node("Pad", [plane, pads], f"{name}.padded", mode="edge")
    rows = _taps(graph, padded, f"{name}.x", 3, across)
    parts = [_taps(graph, row, f"{name}.y{i}", 2, down) for i, row in enumerate(rows)]
    order = [part[j] for j in range(len(down)) for part in parts]
    return graph.node("Concat", order, name, axis=1)


def _taps(graph: GraphWriter, plane: str, name: str, axis: int, at: Sequence[float]) -> list[str]:
    """Weighted sums along an axis of a padded plane, one for each phase."""
    shifted: dict[int, str] = {}
    sums: list[str] = []
    for j, offset in enumerate(at):
        total = ""
        for k in range(-_REACH, _REACH + 1):
            weight = cubic(k - offset)
            if not weight:
                continue
            if k not in shifted:
                shifted[k] = _shift(graph, plane, f"{name}.{k}", axis, k)
            scaled = graph.node(
                "Mul", [shifted[k], graph.constant(f"w{weight!r}", weight)], f"{name}.{j}.{k}.w"
            )
            total = graph.node("Add", [total, scaled], f"{name}.{j}.{k}") if total else scaled
        sums.append(total)
    return sums


def _shift(graph: GraphWriter, plane: str, name: str, axis: int, k: int) -> str:
    end = k - _REACH if k < _REACH else 2**31 - 1
    bounds = [
        graph.constant(f"at{k + _REACH}", [k + _REACH]),
        graph.constant(f"to{end}", [end]),
        graph.constant(f"axis{axis}", [axis]),
    ]
    return graph.node("Slice", [plane, *bounds], name)
