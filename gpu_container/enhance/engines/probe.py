"""A small net to time a processor with: as wide and deep as ours, on a small picture."""

from __future__ import annotations

import numpy as np

from enhance.engines.seam import PlaneGraph, PlanePort
from enhance.graph import ELEMENT, GraphWriter

_FEATURES = 16
_LAYERS = 5


def probe_graph() -> PlaneGraph:
    """Write it. What it computes is of no interest."""
    graph = GraphWriter("probe")
    graph.input("y", "uint8", [1, 1, "y_h", "y_w"])
    value = graph.node("Cast", ["y"], "y.float", to=ELEMENT["float32"])
    channels = 1
    for i in range(_LAYERS):
        weight = np.full((_FEATURES, channels, 3, 3), 0.01, np.float32)
        value = graph.conv(value, f"conv.{i}", weight, np.zeros(_FEATURES, np.float32))
        value = graph.node("Relu", [value], f"relu.{i}")
        channels = _FEATURES
    value = graph.conv(value, "last", np.full((1, _FEATURES, 3, 3), 0.01, np.float32), None)
    value = graph.node("Cast", [value], "whole", to=ELEMENT["uint8"])
    graph.node("Transpose", [value], "y.out", perm=[0, 2, 3, 1])
    graph.output("y.out", "uint8", [1, "out_h", "out_w", 1])
    return PlaneGraph(
        name="probe",
        model=graph.model(),
        inputs=(PlanePort("y"),),
        outputs=(PlanePort("y.out"),),
        scale=1,
        block=1,
        radius=_LAYERS + 1,
        align=1,
    )
