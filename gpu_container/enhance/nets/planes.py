"""Graphs from the planes of a frame to the planes of a frame.

Everything that happens to a sample happens inside: no step in Python, and one round trip to a GPU.
Only the net's convolutions may run in half precision. What comes behind the last of them is made of
elementwise operations, which every engine here leaves in fp32; that includes the enlarged picture
on which a luma net puts its residual.
"""

from __future__ import annotations

from dataclasses import replace

from enhance.engines.seam import PlaneGraph, PlanePort
from enhance.frames import StreamFacts
from enhance.graph import ELEMENT, GraphWriter
from enhance.nets import rgb
from enhance.nets.net import Net
from enhance.nets.resample import REACH, enlarge, phases
from enhance.nets.siting import sits_left, sits_top


def plane_graph(net: Net, facts: StreamFacts, strength: float = 1.0) -> PlaneGraph:
    """Write the graph that takes a stream's planes through a net once.

    Planes that the graph does not take (chroma, where luma alone is cleaned) stay as they are.

    Args:
        net: Any net.
        facts: Of the frames that go in.
        strength: Share of the net's change that is kept, 0 to 1; less than 1 for 1x nets only.

    Raises:
        BadInputError: `colour_unsupported`: a net on RGB cannot take this kind of colour.
    """
    planes = ports(facts)
    if net.colour == "luma" and net.scale == 1:
        planes = planes[:1]
    graph = GraphWriter(net.name or net.architecture)
    sample = "uint8" if facts.depth == 8 else "uint16"
    for port in planes:
        graph.input(port.name, sample, [1, 1, f"{port.name}_h", f"{port.name}_w"])
    write = _luma if net.colour == "luma" else rgb.write
    for port, value in zip(planes, write(graph, net, facts, strength), strict=True):
        _finish(graph, value, f"{port.name}.out", sample, facts.depth)
    sub = max(1, facts.chroma_w, facts.chroma_h)
    reach = REACH * sub + sub
    return PlaneGraph(
        name=net.name or net.architecture,
        model=graph.model(),
        inputs=planes,
        outputs=tuple(replace(port, name=f"{port.name}.out") for port in planes),
        scale=net.scale,
        block=net.scale if net.colour == "luma" else 1,
        radius=max(net.radius, reach) if net.colour == "luma" else net.radius + reach,
        align=max(sub, net.multiple),
        half=net.half,
        module=net.module,
    )


def ports(facts: StreamFacts) -> tuple[PlanePort, ...]:
    """Y, or Y U V, as a stream has them."""
    if not facts.chroma_w:
        return (PlanePort("y"),)
    chroma = (PlanePort(name, facts.chroma_h, facts.chroma_w) for name in "uv")
    return (PlanePort("y"), *chroma)


def _luma(graph: GraphWriter, net: Net, facts: StreamFacts, strength: float) -> list[str]:
    """Bicubic and the net's residual on luma, bicubic on chroma, in the stream's own numbers."""
    peak = float((1 << facts.depth) - 1)
    luma = graph.node("Cast", ["y"], "y.float", to=ELEMENT["float32"])
    unit = graph.node("Mul", [luma, graph.constant("unit", 1 / peak)], "y.unit")
    share = graph.constant("share", peak * strength)
    residual = graph.node("Mul", [net.body(graph, unit), share], "residual")
    if net.scale == 1:
        return [graph.node("Add", [luma, residual], "y.sum")]
    at = phases(net.scale)
    base = enlarge(graph, _source(graph, "y", facts), "y.base", at, at)
    values = [graph.node("Add", [base, residual], "y.sum")]
    down = phases(net.scale, facts.chroma_h, sits_top(facts))
    across = phases(net.scale, facts.chroma_w, sits_left(facts))
    for port in ports(facts)[1:]:
        plane = _source(graph, port.name, facts)
        values.append(enlarge(graph, plane, f"{port.name}.base", down, across))
    return values


def _source(graph: GraphWriter, name: str, facts: StreamFacts) -> str:
    """Bytes as they come: less to copy. ONNX Runtime pads nothing of two bytes."""
    if facts.depth == 8:
        return name
    return graph.node("Cast", [name], f"{name}.wide", to=ELEMENT["float32"])


def _finish(graph: GraphWriter, value: str, name: str, sample: str, depth: int) -> None:
    """Round to whole samples, a block's together: (1, phases, h, w) to (1, h, w, phases)."""
    value = graph.node("Round", [value], f"{name}.round")
    peak = graph.constant("highest", float((1 << depth) - 1))
    value = graph.node("Clip", [value, graph.constant("lowest", 0.0), peak], f"{name}.clip")
    value = graph.node("Cast", [value], f"{name}.whole", to=ELEMENT[sample])
    graph.node("Transpose", [value], name, perm=[0, 2, 3, 1])
    graph.output(name, sample, [1, f"{name}_h", f"{name}_w", f"{name}_block"])
