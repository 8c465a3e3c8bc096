"""Takes coding artefacts and noise away: a net at the same size, mixed with the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from enhance.engines import Compute
from enhance.engines.flow import through
from enhance.frames import Frame, StreamFacts
from enhance.nets.choice import denoise_net
from enhance.nets.planes import plane_graph
from enhance.spec import Denoise


def build(step: Denoise, facts: StreamFacts, compute: Compute) -> Clean:
    """Choose the net.

    Raises:
        BadInputError: The weights are not usable here.
    """
    return Clean(step, facts, compute)


class Clean:
    """The stage."""

    before = after = 0

    def __init__(self, step: Denoise, facts: StreamFacts, compute: Compute) -> None:
        net, why = denoise_net(step.model)
        self._runner = compute.load(plane_graph(net, facts, step.strength))
        self.facts = facts
        self.notes = (f"{why}, strength {step.strength:g}",)

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames, cleaner."""
        return through(self._runner, source)
