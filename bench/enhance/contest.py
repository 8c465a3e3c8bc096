"""Contestants: child processes that do their work once and say how long it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imageio_ffmpeg

ROOT = Path(__file__).parents[2]
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
"""What ours tells glibc by itself; a peer does not, unless it is given these."""
TORCH_PYTHON = ROOT / ".venv-torch" / "bin" / "python"
NO_TORCH = "needs torch: `make install-torch`"
_LONGEST_S = 300

Contestant = Callable[[], float]
"""Does its work once, and gives its speed."""


def child(
    module: str, *arguments: str, malloc: bool = False, python: str | Path = sys.executable
) -> dict[str, Any]:
    """Run a module as a program; the last line of its output is JSON.

    Raises:
        RuntimeError: it failed; its last words are in the message.
    """
    done = subprocess.run(
        [str(python), "-m", module, *arguments],
        cwd=ROOT,
        env=environment(malloc),
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} {arguments}: {done.stderr[-800:]}")
    return json.loads(done.stdout.splitlines()[-1])


def ffmpeg(*arguments: str | Path) -> float:
    """Run the ffmpeg of the imageio-ffmpeg wheel; give its wall seconds.

    Raises:
        RuntimeError: it failed; its last words are in the message.
    """
    begun = time.monotonic()
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *map(str, arguments)],
        env=environment(malloc=False),
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"ffmpeg: {done.stderr[-800:]}")
    return time.monotonic() - begun


def best_of(contestants: Mapping[str, Contestant], rounds: int) -> dict[str, float]:
    """Let all run in turn, round after round; give the best speed of each."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in contestants.items():
            speed = run()
            say(f"    {name:<44} {speed:8.1f}/s")
            best[name] = max(speed, best.get(name, 0.0))
    return best


def say(line: str) -> None:
    """Say how far it is, at once."""
    print(line, flush=True)


def environment(malloc: bool, given: Mapping[str, str] = os.environ) -> dict[str, str]:  # noqa: TID251
    """The given one, with our packages, and no malloc settings but those that are asked for."""
    kept = {key: value for key, value in given.items() if not key.startswith("MALLOC_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "gpu_container")])
    return kept | {"PYTHONPATH": path} | (MALLOC if malloc else {})
