"""Stands in for `enhance.worker.task`: `python -m tests.gpu.worker.child_double`, told what to do.

What it shall do comes as the device, the one word that a worker hands on.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
from typing import Any

from enhance.worker.wire import Wire


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wire", type=int)
    parser.add_argument("--task")
    parser.add_argument("--device")
    args = parser.parse_args()
    wire = Wire(socket.socket(fileno=args.wire))
    return globals()[args.device](wire, args.task)


def works(wire: Wire, task: str) -> int:
    """Ask for a URL, and end well if it comes."""
    answer = _asked(wire, "GET", ["source"])
    wire.send(ended="ok", code=json.dumps([task, answer["urls"]]))
    return 0


def shows_environment(wire: Wire, task: str) -> int:
    wire.send(ended="ok", code=json.dumps(sorted(os.environ)))
    return 0


def crashes(wire: Wire, task: str) -> int:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def checkpoints(wire: Wire, task: str) -> int:
    """Work until told to stop."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        _asked(wire, "GET", ["begun"])
        while True:
            time.sleep(60)
    except KeyboardInterrupt:
        wire.send(ended="interrupted", code="interrupted")
    return 143


def hears_hang_up(wire: Wire, task: str) -> int:
    """Work until the worker is gone."""
    _asked(wire, "GET", ["begun"])
    for _ in wire:
        pass
    return 0


def _asked(wire: Wire, method: str, names: list[str]) -> dict[str, Any]:
    wire.send(ask=0, method=method, names=names)
    return next(message for message in wire if "ask" in message)


if __name__ == "__main__":
    sys.exit(main())
