"""Whether something goes wrong: one draw per interaction, all of a job's from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dailies.domain.errors import ConflictError, StorageError
from tests.fakes.vendor import Killed
from tests.workflow.faults import DOWN, KILLED, Faults

_WRITE = ("killed before", "killed after", "unavailable", "answer lost", "conflict")
_STEP_FUNCTIONS_OWN = ("unavailable", "answer lost")
_CALL = ("killed before", "killed after")


@dataclass
class Draws:
    """Draws faults at a rate, and counts them."""

    rng: random.Random
    rate: float
    struck: Counter[str] = field(default_factory=Counter)
    interactions: int = 0

    def hit(self, what: str, *kinds: str) -> str | None:
        """Return what goes wrong with one interaction, or None."""
        self.interactions += 1
        if self.rng.random() >= self.rate:
            return None
        kind = self.rng.choice(kinds)
        self.struck[f"{what}: {kind}"] += 1
        return kind

    def down(self, what: str) -> None:
        """Raise StorageError, or let the interaction pass."""
        if self.hit(what, "unavailable"):
            raise StorageError(f"{what} did not answer")


class RandomFaults(Faults):
    """Strikes at writes, uploads and calls to vendors: one draw each.

    A function asks a vendor again and again while it holds: whether it dies is drawn once per
    invocation and kind of call, not once per question.
    """

    def __init__(self, draws: Draws) -> None:
        """Draw from `draws`."""
        super().__init__()
        self.draws = draws
        self._after: dict[tuple[str, str], str] = {}
        self._met: set[str] = set()

    def at(self, phase: str, what: str, kinds: frozenset[str] = frozenset({KILLED, DOWN})) -> None:
        """Pass a point, or fail there."""
        place = (self.step, what)
        if phase == "before":
            kind = self._draw(what)
            if kind in {"killed after", "answer lost"}:
                self._after[place] = kind
                return
        else:
            kind = self._after.pop(place, None)
        if kind is None:
            return
        if kind.startswith("killed"):
            raise Killed
        raise ConflictError("others wrote") if kind == "conflict" else StorageError("no answer")

    def _draw(self, what: str) -> str | None:
        if what.startswith("vendor's"):
            return self.draws.hit("Lambda in a vendor's call", *_CALL) if self.first(what) else None
        if self.step == "Await":
            return self.draws.hit("the wait's token", *_STEP_FUNCTIONS_OWN)
        if self.step == "Compute":
            return self.draws.hit("start of a task", *_STEP_FUNCTIONS_OWN)
        if what in {"upload completed", "job created", "signal"}:
            return self.draws.hit(f"write, {what}", *_WRITE[:4])
        return self.draws.hit("write to the ledger", *_WRITE)

    def first(self, what: str) -> bool:
        """Whether this invocation comes by for the first time."""
        if what in self._met:
            return False
        self._met.add(what)
        return True

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Let what happens inside be `step`'s doing, in an invocation of its own."""
        outer, self._met = self._met, set()
        try:
            with super().during(step):
                yield
        finally:
            self._met = outer
