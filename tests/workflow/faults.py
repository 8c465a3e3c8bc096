"""Where a process can die.

At every write to the ledger, every call to a vendor, the end of an upload, the write that begins a
wait. A run without a fault lists the points it comes by. A second run of the same story dies at one
of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dailies.domain.assets import StoredPart
from dailies.domain.changes import Change
from dailies.domain.enhancement import SPEC, Enhancement
from dailies.domain.errors import StorageError
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.vendor import Killed
from tests.storage.doubles import MemoryMedia

KILLED = "killed"
"""The process dies."""
DOWN = "down"
"""Our own store answers with an error: it has done nothing, or only its answer is lost."""


@dataclass(frozen=True)
class Point:
    """A place in a story: what is done, by which step, for the how-manieth time."""

    step: str
    what: str
    nth: int = 1

    @property
    def label(self) -> str:
        return f"{self.step}: {self.what}"


@dataclass(frozen=True)
class Fault:
    """One death or one lost answer."""

    point: Point
    phase: str
    """before · after"""
    kind: str


@dataclass
class Faults:
    """Lets everything pass, or strikes at the points it was given."""

    wanted: Sequence[Fault] = ()
    step: str = "Client"
    passed: list[Point] = field(default_factory=list)
    struck: list[Fault] = field(default_factory=list)
    _count: Counter[str] = field(default_factory=Counter)

    def at(self, phase: str, what: str, kinds: frozenset[str] = frozenset({KILLED, DOWN})) -> None:
        """Pass a point, or die there."""
        label = f"{self.step}: {what}"
        if phase == "before":
            self._count[label] += 1
            self.passed.append(Point(self.step, what, self._count[label]))
        here = Point(self.step, what, self._count[label])
        for fault in self.wanted:
            if fault.point == here and fault.phase == phase and fault not in self.struck:
                self.struck.append(fault)
                raise Killed if fault.kind == KILLED else StorageError("no answer")

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Let what happens inside be `step`'s doing."""
        outer, self.step = self.step, step
        try:
            yield
        finally:
            self.step = outer


class TracedLedger(InMemoryLedger):
    """A ledger in memory that knows what each of its writes is about."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults
        self._what = ""
        self.interrupt = self._interrupt

    def _interrupt(self, phase: str, write: str) -> None:
        self._faults.at(phase, {"create": "job created", "signal": "signal"}.get(write, self._what))

    def apply(self, change: Change) -> None:
        what, self._what = self._what, told(change)
        try:
            super().apply(change)
        finally:
            self._what = what

    def put_token(self, job_id: str, *, run: int, seen: int, token: str) -> None:
        self._faults.at("before", "token")
        super().put_token(job_id, run=run, seen=seen, token=token)
        self._faults.at("after", "token")


class TracedMedia(MemoryMedia):
    """A bucket in memory; an upload's end is a point, and a task's spec."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if not key.endswith(SPEC):
            super().put(key, data, content_type)
            return
        self._faults.at("before", "spec written")
        super().put(key, data, content_type)
        self._faults.at("after", "spec written")

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> str:
        self._faults.at("before", "upload completed")
        digest = super().complete(key, upload_id, parts)
        self._faults.at("after", "upload completed")
        return digest


def _enhanced(before: Enhancement | None, after: Enhancement | None) -> str:
    if after is None or after.current is None:
        return "not enhanced"
    begun = len(after.tries) > (len(before.tries) if before else 0)
    return "task begun" if begun else f"task {after.current.state}"


def told(change: Change) -> str:
    """Say in a few words what a change changes."""
    before, after = change.before, change.after
    words: list[str] = []
    if change.attempt is not None and change.attempt_was != change.attempt.state:
        words.append(f"{change.attempt_was or 'new'} → {change.attempt.state}")
    elif change.attempt is not None:
        words.append(f"{change.attempt.state}, noted")
    if before.state is not after.state:
        words.append(f"job {after.state}")
    if before.run != after.run:
        words.append("next run")
    if before.parked != after.parked and after.parked:
        words.append("parked")
    if before.assets != after.assets and before.terminal:
        words.append("late asset")
    if before.checked_at != after.checked_at:
        words.append("checked")
    elif before.enhancement != after.enhancement:
        words.append(_enhanced(before.enhancement, after.enhancement))
    elif change.assets and change.attempt is None:
        words.append("media facts")
    return ", ".join(words) or "look again later"
