"""`python -m bench.enhance`: all comparisons, then the table. Exit status 1 where a goal is missed.

python -m bench.enhance --only lanczos --rounds 1
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.enhance import gpu, motion, peers
from bench.enhance.contest import say
from bench.enhance.goals import Goal, status
from bench.enhance.machine import machine
from bench.enhance.material import Material

Part = Callable[[Material, int], list[Goal]]
PARTS: dict[str, Part] = {
    "script": peers.script,
    "models": peers.models,
    "lanczos": peers.lanczos,
    "interpolation": motion.interpolation,
    "bound": peers.bound,
    "through": peers.through,
    "memory": peers.memory,
    "gpu": gpu.gpu,
}


def main(argv: Sequence[str]) -> int:
    """Measure, print the table, and say by the exit status whether all goals are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.enhance")
    parser.add_argument("--only", choices=sorted(PARTS), action="append")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(argv)
    say(f"{machine()}\n640x360 to 1280x720, x264 {peers.PRESET} crf {peers.QUALITY}")
    goals: list[Goal] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-enhance-") as folder:
        material = Material(Path(folder))
        for name, part in PARTS.items():
            if args.only is None or name in args.only:
                say(f"\n== {name}  ({time.monotonic() - begun:.0f} s)")
                goals += part(material, args.rounds)
    say(f"\n== goals  ({time.monotonic() - begun:.0f} s, {machine().cpu})")
    say("\n".join(map(str, goals)))
    return status(goals)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
