"""Takes planes through a net that works on RGB, and back by the same matrix.

The matrix and the range are those of the stream's tags. Untagged streams are taken as BT.601 below
720 lines and as BT.709 above, limited range: what players do. PQ and HLG are refused: such nets
learnt on gamma-coded pictures, and change what they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass

from enhance.errors import BadInputError
from enhance.frames import StreamFacts
from enhance.graph import ELEMENT, GraphWriter
from enhance.nets.net import Net
from enhance.nets.resample import enlarge
from enhance.nets.siting import sits_left, sits_top

_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""Kr and Kb of H.273's matrix coefficients: 709, FCC, 601 (625 and 525 lines), 240M, 2020."""
_UNTAGGED = 2
_HDR = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class Matrix:
    """From code values to R'G'B' in [0, 1] and back."""

    kr: float
    kb: float
    black: float
    """Code value of Y = 0."""
    y_span: float
    """Code values from Y = 0 to Y = 1."""
    zero: float
    """Code value of Cb = Cr = 0."""
    c_span: float
    """Code values from -1/2 to 1/2."""

    @property
    def kg(self) -> float:
        """The rest."""
        return 1 - self.kr - self.kb


def matrix(facts: StreamFacts) -> Matrix:
    """Find the stream's.

    Raises:
        BadInputError: `colour_unsupported`.
    """
    tags = facts.colour
    if tags.transfer in _HDR:
        raise _unsupported(f"{_HDR[tags.transfer]} pictures")
    number = tags.matrix
    if number == _UNTAGGED:
        number = 6 if facts.height < 720 else 1
    if number not in _WEIGHTS:
        raise _unsupported(f"matrix {number} of H.273")
    kr, kb = _WEIGHTS[number]
    unit = 1 << (facts.depth - 8)
    if tags.full_range:
        peak = float((1 << facts.depth) - 1)
        return Matrix(kr, kb, 0.0, peak, 128.0 * unit, peak)
    return Matrix(kr, kb, 16.0 * unit, 219.0 * unit, 128.0 * unit, 224.0 * unit)


def write(graph: GraphWriter, net: Net, facts: StreamFacts, strength: float) -> list[str]:
    """Add everything between the input planes and their rounding: values in code numbers."""
    table = matrix(facts)
    work = _Colours(graph, facts, table)
    picture = work.to_rgb()
    result = net.body(graph, picture)
    if strength < 1:
        change = graph.node("Sub", [result, picture], "change")
        share = graph.constant("strength", strength)
        change = graph.node("Mul", [change, share], "change.kept")
        result = graph.node("Add", [picture, change], "mixed")
    return work.from_rgb(result)


class _Colours:
    def __init__(self, graph: GraphWriter, facts: StreamFacts, table: Matrix) -> None:
        self._graph = graph
        self._facts = facts
        self._table = table

    def to_rgb(self) -> str:
        table = self._table
        luma = self._linear(self._float("y"), "y.unit", 1 / table.y_span, -table.black)
        if not self._facts.chroma_w:
            return self._graph.node("Concat", [luma] * 3, "picture", axis=1)
        cb, cr = (
            self._linear(self._full(name), f"{name}.unit", 1 / table.c_span, -table.zero)
            for name in "uv"
        )
        red = self._sum("red", (luma, 1), (cr, 2 * (1 - table.kr)))
        blue = self._sum("blue", (luma, 1), (cb, 2 * (1 - table.kb)))
        of_cb = -2 * table.kb * (1 - table.kb) / table.kg
        of_cr = -2 * table.kr * (1 - table.kr) / table.kg
        green = self._sum("green", (luma, 1), (cb, of_cb), (cr, of_cr))
        # Not clipped: colours outside RGB's cube, which film has, come back as they were.
        return self._graph.node("Concat", [red, green, blue], "picture", axis=1)

    def from_rgb(self, picture: str) -> list[str]:
        table = self._table
        red, green, blue = (self._cut(picture, f"result.{i}", 1, i, i + 1) for i in range(3))
        luma = self._sum("luma", (red, table.kr), (green, table.kg), (blue, table.kb))
        values = [self._sum("y.code", (luma, table.y_span), plus=table.black)]
        if self._facts.chroma_w:
            for name, colour, weight in (("u", blue, table.kb), ("v", red, table.kr)):
                gain = table.c_span / (2 * (1 - weight))
                code = self._sum(f"{name}.code", (colour, gain), (luma, -gain), plus=table.zero)
                values.append(self._shared(code, name))
        return values

    def _full(self, name: str) -> str:
        """Chroma at every luma sample."""
        facts, graph = self._facts, self._graph
        plane = self._float(name)
        if facts.chroma_w == 1 and facts.chroma_h == 1:
            return plane
        across = _between(facts.chroma_w, sits_left(facts))
        down = _between(facts.chroma_h, sits_top(facts))
        value = enlarge(graph, plane, f"{name}.full", down, across)
        if facts.chroma_h == 2:
            return graph.shuffle(value, f"{name}.every", 2)
        # Two columns of one row: beside each other as a last axis, then that axis goes.
        value = graph.node("Transpose", [value], f"{name}.pairs", perm=[0, 2, 3, 1])
        split = graph.node("Unsqueeze", [value, graph.constant("first", [1])], f"{name}.split")
        flat = graph.constant("flat", [0, 0, 0, -1])
        return graph.node("Reshape", [split, flat], f"{name}.every")

    def _shared(self, value: str, name: str) -> str:
        """Chroma at its own samples, weighted over the luma samples around each."""
        if self._facts.chroma_w == 2:
            value = self._halved(value, f"{name}.w", 3, sits_left(self._facts))
        if self._facts.chroma_h == 2:
            value = self._halved(value, f"{name}.h", 2, sits_top(self._facts))
        return value

    def _halved(self, value: str, name: str, axis: int, first: bool) -> str:
        graph = self._graph
        end = 2**31 - 1
        if not first:
            pair = [self._cut(value, f"{name}.at{k}", axis, k, end, 2) for k in (0, 1)]
            return self._sum(name, (pair[0], 0.5), (pair[1], 0.5))
        edge = [0, 0, 1, 1, 0, 0, 1, 1]
        value = graph.node("Pad", [value, graph.constant("edge", edge)], f"{name}.pad", mode="edge")
        other = 5 - axis
        value = self._cut(value, f"{name}.inner", other, 1, -1)
        three = [
            self._cut(value, f"{name}.at{k}", axis, k, k - 2 if k < 2 else end, 2) for k in range(3)
        ]
        return self._sum(name, (three[0], 0.25), (three[1], 0.5), (three[2], 0.25))

    def _float(self, name: str) -> str:
        return self._graph.node("Cast", [name], f"{name}.float", to=ELEMENT["float32"])

    def _linear(self, value: str, name: str, gain: float, plus: float) -> str:
        """(value + plus) * gain."""
        moved = self._graph.constant(f"{name}.plus", plus)
        value = self._graph.node("Add", [value, moved], f"{name}.moved")
        return self._graph.node("Mul", [value, self._graph.constant(f"{name}.gain", gain)], name)

    def _sum(self, name: str, *parts: tuple[str, float], plus: float = 0.0) -> str:
        graph = self._graph
        total = ""
        for i, (value, factor) in enumerate(parts):
            if factor != 1:
                constant = graph.constant(f"{name}.{i}.factor", factor)
                value = graph.node("Mul", [value, constant], f"{name}.{i}")
            total = graph.node("Add", [total, value], f"{name}.to{i}") if total else value
        if plus:
            total = graph.node("Add", [total, graph.constant(f"{name}.plus", plus)], f"{name}.up")
        return total

    def _cut(self, value: str, name: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        graph = self._graph
        bounds = [
            graph.constant(f"cut.{word}.{number}", [number])
            for word, number in (("from", start), ("to", stop), ("axis", axis), ("step", step))
        ]
        return graph.node("Slice", [value, *bounds], name)


def _between(sub: int, first: bool) -> tuple[float, ...]:
    """Where luma samples lie among chroma samples, in chroma samples from the one they share."""
    if sub == 1:
        return (0.0,)
    return (0.0, 0.5) if first else (-0.25, 0.25)


def _unsupported(what: str) -> BadInputError:
    return BadInputError(
        "colour_unsupported",
        f"{what} cannot go through a net on RGB: take one on luma, which keeps colours as they are",
    )
