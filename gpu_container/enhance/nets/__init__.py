"""The nets: recognised from their weights, written as one ONNX graph, run by any engine.

`load_net(path, sha256)` reads a weights file, `shipped_net(name)` one of ours, `choose` picks among
ours; `planes.plane_graph(net, facts)` makes of it what an engine runs; `describe()` lists ours.
"""

from __future__ import annotations

from enhance.nets.load import describe, load_net, shipped_names, shipped_net
from enhance.nets.net import Net
from enhance.nets.planes import plane_graph

__all__ = ["Net", "describe", "load_net", "plane_graph", "shipped_names", "shipped_net"]
