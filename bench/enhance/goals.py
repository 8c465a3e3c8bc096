"""What is asked, what was reached, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One line of the table."""

    name: str
    got: float | None
    """None: it could not be measured here; `note` says why."""
    least: float
    unit: str = "x"
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or `skipped`: never met without a measurement."""
        if self.got is None:
            return "skipped"
        return "met" if self.got >= self.least else "missed"

    def __str__(self) -> str:
        got = "-" if self.got is None else f"{self.got:.2f}{self.unit}"
        least = f"{self.least:g}{self.unit}"
        return f"  {self.verdict:<8} {self.name:<58} {got:>9}  at least {least:<8} {self.note}"


def status(goals: Sequence[Goal]) -> int:
    """Exit status: 1 where a goal is missed. What was skipped is said, and counts for nothing."""
    return int(any(goal.verdict == "missed" for goal in goals))
