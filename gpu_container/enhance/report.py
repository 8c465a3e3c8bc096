"""What a run reports in the end: one JSON object, the truth for whoever started it."""

from __future__ import annotations

import errno
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from enhance.errors import EnhanceError
from enhance.exits import ExitCode

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Outcome = Literal[
    "ok", "partial_input", "bad_input", "no_device", "out_of_memory", "internal", "interrupted"
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Output(_Part):
    """The published file, read back after it was written."""

    uri: str
    size_bytes: int
    sha256: str
    container: str
    width: int
    height: int
    fps: float | None
    """Mean rate over the duration; None for a single frame."""
    frames: int
    duration_s: float
    video_codec: str
    pixel_format: str
    audio_codec: str | None


class Device(_Part):
    """What computed, and which codecs carried the frames."""

    kind: Literal["cpu", "cuda"]
    name: str
    engine: str
    precision: str
    decoder: str | None = None
    encoder: str | None = None


class Timing(_Part):
    """In seconds."""

    wall_s: float
    """Of this process."""
    cpu_s: float
    machines_s: float | None = None
    """Of all machines: this process, and what others spent on the chunks that it uses."""


class ChunkCount(_Part):
    """How many chunks the plan has, are done, and were found done by an earlier try."""

    total: int = 0
    done: int = 0
    reused: int = 0


class Report(_Part):
    """`report.json`. `interrupted` is never the last word: the next try writes another."""

    v: Literal[1] = 1
    task_id: str
    outcome: Outcome
    exit_code: int
    code: str
    """A stable word: `ok`, or what was wrong."""
    message: str
    """For a person; names the cure."""
    retryable: bool
    input: dict[str, Any] = Field(default_factory=dict)
    """Facts of the source as `probe` prints them."""
    output: Output | None = None
    device: Device | None = None
    timing: Timing
    chunks: ChunkCount = ChunkCount()
    notes: list[str] = Field(default_factory=list)
    """What was chosen, and why."""
    warnings: list[str] = Field(default_factory=list)
    """What is not as it was in the source."""
    analysis: dict[str, Any] | None = None

    @property
    def exit(self) -> ExitCode:
        """The process's exit status."""
        return ExitCode(self.exit_code)


def ending(code: ExitCode, word: str, message: str) -> dict[str, Any]:
    """Return the fields of a report that say how it ended."""
    return {
        "outcome": code.outcome,
        "exit_code": int(code),
        "code": word,
        "message": message,
        "retryable": code.retryable,
    }


def ending_of(error: BaseException) -> dict[str, Any]:
    """Return the ending for an error; what is not ours to expect is `internal`."""
    if isinstance(error, EnhanceError):
        return ending(error.exit_code, error.code, str(error))
    if isinstance(error, MemoryError):
        return ending(ExitCode.OUT_OF_MEMORY, "out_of_memory", "The machine's memory is full.")
    if isinstance(error, OSError) and error.errno in _FULL:
        return ending(ExitCode.INTERNAL, "disk_full", f"No room on this machine: {error}.")
    told = f"{type(error).__name__}: {error}".rstrip(": ")
    return ending(ExitCode.INTERNAL, "internal", f"A defect of the program: {told}.")
