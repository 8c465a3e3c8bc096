"""One line per check: what was found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    """Deploying works, and something will not be as good as it could be."""
    FAIL = "fail"
    """Deploying would fail, or harm."""


@dataclass(frozen=True)
class Check:
    """One finding."""

    level: Level
    found: str
    cure: str = ""
    """What to do; empty where all is well."""

    def __str__(self) -> str:
        line = f"{self.level:<5}{self.found}"
        return f"{line} -> {self.cure}" if self.cure else line


def ok(found: str) -> Check:
    """All is well."""
    return Check(Level.OK, found)


def warn(found: str, cure: str) -> Check:
    """It could be better."""
    return Check(Level.WARN, found, cure)


def fail(found: str, cure: str) -> Check:
    """It cannot go on."""
    return Check(Level.FAIL, found, cure)
