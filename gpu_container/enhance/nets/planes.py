"""Graphs from the planes of a frame to the planes of a frame.

Everything that happens to a sample happens inside: no step in Python, and one round trip to a GPU.
Only the net's convolutions may run in half precision. The rest is made of elementwise operations
behind the last convolution, which every engine here leaves in fp32.
"""

from __future__ import annotations

from enhance.engines.seam import PlaneGraph, PlanePort
from enhance.frames import StreamFacts
from enhance.nets.graph import GraphWriter
from enhance.nets.net import Net
from enhance.nets.resample import enlarge, phases


def plane_graph(net: Net, facts: StreamFacts, strength: float = 1.0) -> PlaneGraph:
    """Write the graph that takes a stream's planes through a net once.

    Args:
        net: Any net.
        facts: Of the frames that go in.
        strength: Share of the net's change that is kept, 0 to 1.

    Raises:
        BadInputError: `colour_unsupported`: a net on RGB cannot take this kind of colour.
    """
    return _luma(net, facts, strength)


def ports(facts: StreamFacts) -> tuple[PlanePort, ...]:
    """Y, or Y U V, as a stream has them."""
    if not facts.chroma_w:
        return (PlanePort("y"),)
    chroma = (PlanePort(name, facts.chroma_h, facts.chroma_w) for name in "uv")
    return (PlanePort("y"), *chroma)


def _luma(net: Net, facts: StreamFacts, strength: float) -> PlaneGraph:
    graph = GraphWriter(net.name)
    kind = "uint8" if facts.depth == 8 else "uint16"
    peak = float((1 << facts.depth) - 1)
    for port in ports(facts):
        graph.input(port.name, kind, [1, 1, f"{port.name}_h", f"{port.name}_w"])
    luma = graph.node("Cast", ["y"], "y.float", to=1)
    unit = graph.node("Mul", [luma, graph.constant("unit", 1 / peak)], "y.unit")
    residual = graph.node(
        "Mul", [net.body(graph, unit), graph.constant("peak", peak * strength)], "residual"
    )
    base = enlarge(graph, luma, "base", phases(net.scale), phases(net.scale))
    _finish(graph, graph.node("Add", [base, residual], "sum"), "y", net.scale, kind, peak)
    for port in ports(facts)[1:]:
        plane = graph.node("Cast", [port.name], f"{port.name}.float", to=1)
        across = phases(net.scale, facts.chroma_w, sits_left(facts))
        down = phases(net.scale, facts.chroma_h, sits_top(facts))
        value = enlarge(graph, plane, f"{port.name}.base", down, across)
        _finish(graph, value, port.name, net.scale, kind, peak)
    return PlaneGraph(
        name=net.name,
        model=graph.model(),
        inputs=ports(facts),
        outputs=tuple(PlanePort(f"{p.name}.out", p.sub_h, p.sub_w) for p in ports(facts)),
        scale=net.scale,
        radius=max(net.radius, 2 * max(1, facts.chroma_w, facts.chroma_h) + 2),
        align=max(1, facts.chroma_w, facts.chroma_h),
        half=net.half,
    )


def sits_left(facts: StreamFacts) -> bool:
    """Whether chroma sits on the left luma sample of its pair, where it is halved across.

    Left unless the tag says centre: what H.264, HEVC and MPEG-2 take for granted.
    """
    return facts.chroma_w == 2 and facts.colour.chroma_location not in (2, 4, 6)


def sits_top(facts: StreamFacts) -> bool:
    """Whether chroma sits on the upper luma sample of its pair, where it is halved down."""
    return facts.chroma_h == 2 and facts.colour.chroma_location in (3, 4)


def _finish(graph: GraphWriter, value: str, plane: str, scale: int, kind: str, peak: float) -> None:
    """Round to whole samples and put the phases in their places."""
    value = graph.node("Round", [value], f"{plane}.round")
    bounds = [graph.constant("lowest", 0.0), graph.constant("highest", peak)]
    value = graph.node("Clip", [value, *bounds], f"{plane}.clip")
    if scale == 1:
        graph.node("Cast", [value], f"{plane}.out", to=2 if kind == "uint8" else 4)
    else:
        value = graph.node("Cast", [value], f"{plane}.whole", to=2 if kind == "uint8" else 4)
        graph.shuffle(value, f"{plane}.out", scale)
    graph.output(f"{plane}.out", kind, [1, 1, f"{plane}.out_h", f"{plane}.out_w"])
