"""The wish to stop: a signal's, told to whatever waits at the moment."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from enhance.interruption import Interruption


class StoppedError(BaseException):
    """Breaks off a wait: like KeyboardInterrupt, nothing that handles errors may take it."""


class Stop:
    """Set by SIGTERM or Ctrl-C, once."""

    def __init__(self) -> None:
        self._interruption = Interruption()
        self._breaks = False

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self._interruption.requested

    def request(self) -> None:
        """Ask to stop."""
        self._interruption.request("asked to stop")

    def wait(self, timeout_s: float) -> bool:
        """Wait for the wish; return whether there is one."""
        return self._interruption.wait(timeout_s)

    def on_signals(self) -> None:
        """Take SIGTERM and Ctrl-C as the wish to stop; a second one ends the process at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    @contextmanager
    def breaks_off(self) -> Iterator[None]:
        """Let a signal break off what is inside: a wait that loses nothing.

        Raises:
            StoppedError: there is one.
        """
        self._breaks = True
        try:
            if self.requested:
                raise StoppedError
            yield
        finally:
            self._breaks = False

    def _take(self, number: int, _: FrameType | None) -> None:
        self.request()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        if self._breaks:
            raise StoppedError
