"""The line between a worker and the child process that does its task: JSON, one object a line.

The child asks for signed URLs, and says in the end how it went; the worker answers, and offers
fresh URLs unasked. When either side is gone, the other one sees the end of the line.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any


class Wire:
    """One end. Any thread may send; one reads."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lines = end.makefile("r", encoding="utf-8")
        self._sending = threading.Lock()

    def send(self, **message: Any) -> bool:
        """Send an object; returns whether somebody is still there."""
        with self._sending:
            try:
                self._end.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                return False
        return True

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield what the other side sends until it is gone."""
        try:
            for line in self._lines:
                yield json.loads(line)
        except (OSError, ValueError):  # it went in the middle of a line
            return

    def close(self) -> None:
        """Hang up; whoever reads at either end sees the end. Twice is harmless."""
        with contextlib.suppress(OSError):  # the other side was quicker
            self._end.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self._end.close()
