"""What can go wrong, by exit code.

EnhanceError
├── BadInputError      the source or the spec is not usable; `code` says why
├── NoDeviceError      a GPU was demanded
├── OutOfMemoryError   even at the smallest tile
└── InterruptedRunError   told to stop; what is done is kept
"""

from __future__ import annotations

from enhance.exits import ExitCode


class EnhanceError(Exception):
    """Base of all; `code` is a stable word, the message is for a person and names the cure."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadInputError(EnhanceError):
    """Trying again cannot help."""

    exit_code = ExitCode.BAD_INPUT


class NoDeviceError(EnhanceError):
    """There is no such device here."""

    exit_code = ExitCode.NO_DEVICE


class OutOfMemoryError(EnhanceError):
    """The smallest tile does not fit."""

    exit_code = ExitCode.OUT_OF_MEMORY


class InterruptedRunError(EnhanceError):
    """SIGTERM or a Spot notice came."""

    exit_code = ExitCode.INTERRUPTED
