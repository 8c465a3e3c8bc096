"""Runs every measurement but the long one; a summary last. Exit status 1 where a goal is missed.

`python -m bench.reliability` (`make bench-reliability`) is the long one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from bench import cold_start, creates, job_cost, store, waiting

Main = Callable[[Sequence[str]], int]
PARTS: Sequence[tuple[str, str, Main, Sequence[str]]] = (
    (
        "cold starts",
        "each function at most 2 times (the API 2.4 times) one boto3 client's CPU",
        cold_start.main,
        ["--rounds", "3"],
    ),
    (
        "storing",
        "at most 64 MiB over the baseline, at least 0.9 times the speed of all-in-memory",
        store.main,
        ["--mib", "1024", "--rounds", "2"],
    ),
    (
        "waiting",
        "mean delay: callback 1 s, holding poll 1.5 s, plain waits 5 s",
        waiting.main,
        ["--jobs", "150"],
    ),
    ("cost of a job", "none: what it costs is printed", job_cost.main, []),
    (
        "creates",
        "at most 15 ms of CPU each; a burst over the start quota gets its 202",
        creates.main,
        ["--seconds", "8"],
    ),
)


def run(parts: Sequence[tuple[str, str, Main, Sequence[str]]]) -> int:
    """Run the parts one after the other, print the summary, and return the worst status."""
    lines: list[str] = []
    worst = 0
    for name, goal, main, arguments in parts:
        print(f"\n== {name}", flush=True)
        begun = time.monotonic()
        status = main(arguments)
        worst = max(worst, status)
        verdict = "missed" if status else "met"
        lines.append(f"  {verdict:<7} {name:<14} {time.monotonic() - begun:5.0f} s  {goal}")
    print("\n== goals")
    print("\n".join(lines))
    return worst


if __name__ == "__main__":
    sys.exit(run(PARTS))
