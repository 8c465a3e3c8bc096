"""The simulators as a child process, so that they draw their clips on the other core."""

from __future__ import annotations

import json
import queue
import threading
from pathlib import Path
from typing import IO, Any, Self

from local.emulator.settings import inherited_environment
from local.twin.child import ChildProcess
from local.twin.errors import TwinError

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 10


class SimulatorProcess(ChildProcess):
    """`python -m local.simulators` while it runs."""

    def __init__(
        self,
        log_path: Path,
        *,
        speed: float,
        port_base: int,
        scenario: Path | None = None,
        state: Path | None = None,
    ) -> None:
        arguments = ["--speed", str(speed), "--port-base", str(port_base)]
        if scenario is not None:
            arguments += ["--scenario", str(scenario)]
        if state is not None:
            arguments += ["--state", str(state)]
        super().__init__(
            "local.simulators",
            arguments,
            log_path=log_path,
            environment=inherited_environment(),
            stop_timeout_s=_STOP_TIMEOUT_S,
            listen=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self.described: dict[str, dict[str, Any]] = {}
        """What each simulator said of itself: addresses and credentials."""

    def __enter__(self) -> Self:
        """Start it, and return at once."""
        super().__enter__()
        output = self.output
        threading.Thread(target=_read, args=(output, self._lines), daemon=True).start()
        return self

    def await_ready(self) -> None:
        """Return once it has said where it listens.

        Raises:
            TwinError: it ended or said nothing; the message names its log.
        """
        try:
            self.described = json.loads(self._lines.get(timeout=_START_TIMEOUT_S))
        except (queue.Empty, ValueError) as exc:
            raise TwinError(f"The simulators did not start. See {self.log_path}.") from exc


def _read(stream: IO[str], lines: queue.Queue[str]) -> None:
    try:
        for line in stream:
            lines.put(line)
    except ValueError:  # closed while we read: it is stopped
        return
    lines.put("")  # it ended
