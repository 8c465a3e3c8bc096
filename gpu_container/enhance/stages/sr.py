"""Makes frames larger: a net as often as needed, then down to the size that was asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from enhance.engines import Compute
from enhance.engines.flow import through
from enhance.engines.seam import Runner
from enhance.errors import BadInputError
from enhance.frames import Frame, StreamFacts
from enhance.nets.choice import sr_net
from enhance.nets.fit import Fit
from enhance.nets.net import Net
from enhance.nets.planes import plane_graph
from enhance.spec import SuperResolution


def build(step: SuperResolution, facts: StreamFacts, compute: Compute) -> Enlarge:
    """Choose the net and the passes.

    Raises:
        BadInputError: `bad_spec`: both `scale` and `height`; or the weights are not usable, or not
            on this kind of colour.
    """
    if step.scale is not None and step.height is not None:
        raise BadInputError("bad_spec", "`sr` takes `scale` or `height`, not both.")
    net, why = sr_net(step.model, facts)
    width, height = target(step, facts)
    return Enlarge(facts, net, width, height, compute, why)


def target(step: SuperResolution, facts: StreamFacts) -> tuple[int, int]:
    """Width and height of the result as coded, whole chroma samples."""
    if step.height is None:
        scale = step.scale or 2
        return _whole(facts.width * scale, facts.chroma_w), _whole(
            facts.height * scale, facts.chroma_h
        )
    turned = facts.rotation % 180 == 90
    upright = facts.width if turned else facts.height
    width = max(1, round(facts.width * step.height / upright))
    height = max(1, round(facts.height * step.height / upright))
    return _whole(width, facts.chroma_w), _whole(height, facts.chroma_h)


def _whole(size: int, sub: int) -> int:
    """Round up to whole chroma samples: encoders take nothing else."""
    return size + size % sub if sub else size


class Enlarge:
    """The stage."""

    before = after = 0

    def __init__(
        self, facts: StreamFacts, net: Net, width: int, height: int, compute: Compute, why: str
    ) -> None:
        if net.scale == 1 and (width, height) != (facts.width, facts.height):
            raise BadInputError("model_scale", f"{net.name} is a 1x net: sr takes a larger one")
        self._passes: list[Runner] = []
        while facts.width < width or facts.height < height:
            graph = plane_graph(net, facts)
            self._passes.append(compute.load(graph))
            facts = replace(
                facts, width=facts.width * graph.scale, height=facts.height * graph.scale
            )
        self._fit = None
        if (facts.width, facts.height) != (width, height):
            self._fit = Fit(facts, width, height)
            facts = self._fit.facts
        self.facts = facts
        self.notes = (
            why,
            *(("no pass of the net: the source is that large",) * (not self._passes)),
        )

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames, larger."""
        flow = iter(source)
        for runner in self._passes:
            flow = through(runner, flow)
        return map(self._fit.frame, flow) if self._fit else flow
