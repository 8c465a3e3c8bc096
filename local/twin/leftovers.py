"""Ends what an earlier twin of the same folder has left behind, when it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

_PROGRAMS = ("local.emulator", "local.simulators")
_PATIENCE_S = 20.0
"""An emulator whose parent is gone stops by itself, and saves its state first."""


def end_leftovers(folder: Path) -> None:
    """Return once no emulator, simulator or function of this folder's twin runs any more.

    A function that outlives its emulator could still order something, which no ledger would know.
    """
    groups = {group for group, command in _running() if _is_ours(command, folder)}
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if not any(_is_ours(command, folder) for _, command in _running()):
            break
        time.sleep(0.2)
    for group in groups | _orphaned(folder):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _is_ours(command: str, folder: Path) -> bool:
    started_there = f" {folder}{os.sep}" in f"{command}{os.sep}"
    return started_there and any(program in command for program in _PROGRAMS)


def _orphaned(folder: Path) -> set[int]:
    """Return the groups of functions whose emulator is gone: they were unpacked in its folder."""
    unpacked = f"{folder / 'aws' / 'tmp'}{os.sep}"
    return {group for group, command in _running() if unpacked in command}


def _running() -> list[tuple[int, str]]:
    """Return every process as its group and its command line."""
    shown = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pgid=,command="], capture_output=True, text=True, check=True
    )
    lines = (line.strip().partition(" ") for line in shown.stdout.splitlines())
    return [(int(group), command) for group, _, command in lines]
