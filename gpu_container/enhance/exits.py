"""How the program ends. Code, workflows and docs read this one table.

The number alone tells whether trying again can help: Batch's retry strategy, the workflows and a
person at a shell decide by it.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of `python -m enhance`."""

    OK = 0
    PARTIAL_INPUT = 3
    """The source is damaged: what could be decoded is enhanced, and the report says what is not."""
    BAD_INPUT = 4
    """Nothing can be made of the source or the spec, now or later."""
    NO_DEVICE = 5
    """The spec demands a GPU and there is none: never silently the CPU."""
    OUT_OF_MEMORY = 6
    """Out of memory even at the smallest tile."""
    INTERNAL = 70
    """A defect of ours (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 143
    """Stopped by SIGTERM or a Spot notice, with a checkpoint: run it again and it goes on."""

    @property
    def retryable(self) -> bool:
        """Whether the same command can end otherwise on the same kind of machine."""
        return self is ExitCode.INTERRUPTED

    @property
    def outcome(self) -> str:
        """The word that reports use for it."""
        return self.name.lower()
