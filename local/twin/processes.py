"""The simulators as a child process, so that they draw their clips on the other core."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from local.emulator.settings import inherited_environment
from local.twin.errors import TwinError

_ROOT = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 10


class SimulatorProcess:
    """`python -m local.simulators` while it runs. It stops with us even if we are killed."""

    def __init__(
        self,
        log_path: Path,
        *,
        speed: float,
        port_base: int,
        scenario: Path | None = None,
        state: Path | None = None,
    ) -> None:
        self._log_path = log_path
        self._command = [sys.executable, "-m", "local.twin.with_parent", "local.simulators"]
        self._command += ["--speed", str(speed), "--port-base", str(port_base)]
        if scenario is not None:
            self._command += ["--scenario", str(scenario)]
        if state is not None:
            self._command += ["--state", str(state)]
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        self.described: dict[str, dict[str, Any]] = {}
        """What each simulator said of itself: addresses and credentials."""

    def __enter__(self) -> Self:
        """Start it, and return at once."""
        with self._log_path.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                cwd=_ROOT,
                env=inherited_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # Ctrl-C in a terminal reaches us only: we stop it when we need it no longer.
                start_new_session=True,
            )
        self._process = process
        threading.Thread(target=_read, args=(process.stdout, self._lines), daemon=True).start()
        return self

    def await_ready(self) -> None:
        """Return once it has said where it listens.

        Raises:
            TwinError: it ended or said nothing; the message names its log.
        """
        try:
            self.described = json.loads(self._lines.get(timeout=_START_TIMEOUT_S))
        except (queue.Empty, ValueError) as exc:
            raise TwinError(f"The simulators did not start. See {self._log_path}.") from exc

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it; harmless when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _read(stream: TextIO, lines: queue.Queue[str]) -> None:
    try:
        for line in stream:
            lines.put(line)
    except ValueError:  # closed while we read: it is stopped
        return
    lines.put("")  # it ended
