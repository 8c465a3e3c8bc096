"""What a child that a hostile file has taken over finds of its worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_CONTAINER = Path(__file__).parents[3] / "gpu_container"
_WORKER = """
import ctypes, os, sys
from enhance.worker.secrecy import hide_from_children

if os.geteuid() == 0:  # root reads everything
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as a process is that never was root
if sys.argv[1] == "hidden":
    hide_from_children()
if os.fork() == 0:
    try:
        with open(f"/proc/{os.getppid()}/environ") as told:
            print("SECRET" in told.read())
    except PermissionError:
        print("denied")
else:
    os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
@pytest.mark.parametrize(("how", "found"), [("open", "True"), ("hidden", "denied")])
def test_child_cannot_read_its_workers_environment(how: str, found: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _WORKER, how],
        env={"PYTHONPATH": str(_CONTAINER), "KEY": "SECRET"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stdout.strip() == found, ended.stderr
