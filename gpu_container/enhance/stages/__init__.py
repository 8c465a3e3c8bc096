"""The stages, one module each, found by the name that the spec uses.

A module holds `build(step, facts, compute) -> Stage`. A stage takes frames in order and gives
frames in order; it may hold some back, add some, or change their size. Chunks need nothing special
of it: the pipeline feeds `before` and `after` frames of context around a chunk, and keeps of what
comes out the frames whose `pts` lie in the chunk's half-open range.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from enhance.frames import Frame, StreamFacts


class Stage(Protocol):
    """One step of the chain, for one stream."""

    facts: StreamFacts
    """What is true of the frames that come out."""
    before: int
    """How many frames of context it needs before a chunk's first frame."""
    after: int
    """… and after its last."""
    notes: tuple[str, ...]
    """For the report: what was chosen, and why; warnings of its own."""

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames that come of these. Planes of the source are only read."""
        ...
