"""Finds the jobs of last time again: `tools.reattach` in a process that is ready when needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.twin.errors import TwinError

_ROOT = Path(__file__).resolve().parents[2]


class Reattaching:
    """What a restarted twin does before it orders anything: see `tools/reattach.py`."""

    def __init__(self, outputs: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Describe it; `outputs` are those of the stacks as they were deployed last time."""
        self._command = [sys.executable, "-m", "tools.reattach"]
        self._command += ["--table", outputs["TableName"]]
        self._command += ["--machine", outputs["StateMachineArn"]]
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it, so that it is ready when the emulator is."""
        self._process = subprocess.Popen(
            self._command,
            cwd=_ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def claim(self, tasks: Mapping[str, list[dict[str, Any]]]) -> list[str]:
        """Have each task that the ledger has forgotten looked up, and return what to tell."""
        return self._order(json.dumps(tasks))

    def resume(self) -> list[str]:
        """Give each job whose execution has died a new run, and return a line for each."""
        return self._order("continue")

    def _order(self, order: str) -> list[str]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise TwinError("The jobs of last time can only be found while the twin runs.")
        try:
            process.stdin.write(f"{order}\n")
            process.stdin.flush()
        except BrokenPipeError as exc:
            raise TwinError("The jobs of last time could not be found again.") from exc
        lines: list[str] = []
        for line in process.stdout:
            if not line.strip():
                return lines
            lines.append(line.strip())
        raise TwinError("The jobs of last time could not be found again.")
