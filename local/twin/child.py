"""A program that runs beside the twin, and stops with it even if the twin is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_ROOT = Path(__file__).resolve().parents[2]


class ChildProcess:
    """`python -m <module>` while it runs: a context manager that starts it and returns at once."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        log_path: Path,
        environment: Mapping[str, str],
        stop_timeout_s: float,
        listen: bool = False,
    ) -> None:
        """Args: listen: whether its standard output is read; else it goes to the log."""
        self._command = [sys.executable, "-m", "local.twin.with_parent", module, *arguments]
        self._environment = dict(environment)
        self._stop_timeout_s = stop_timeout_s
        self._listen = listen
        self._process: subprocess.Popen[str] | None = None
        self.log_path = log_path

    def __enter__(self) -> Self:
        """Start it, and return at once."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=_ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self._listen else log,
                stderr=log,
                text=True,
                # Ctrl-C in a terminal reaches us only: we stop it when we need it no longer.
                start_new_session=True,
            )
        return self

    @property
    def output(self) -> IO[str]:
        """Its standard output, where `listen` asked for it."""
        if self._process is None or self._process.stdout is None:
            raise ValueError("nobody listens to it")
        return self._process.stdout

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
            process.wait(self._stop_timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
