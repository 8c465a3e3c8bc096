"""CPU of each function's cold start, against making one DynamoDB client with boto3.

Each figure is the least of several fresh interpreters that see only what Lambda gives a function.
They take turns with the reference, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.bare_function import AWS, bare_packages, environment_of, run_bare
from dailies.settings import OF_HANDLER

REFERENCE = 'import boto3; boto3.client("dynamodb")'
GOAL, API_GOAL = 2.0, 2.4
_CPU = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; print one line of JSON; return 1 where a function misses its goal."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="interpreters per figure (7)")
    rounds = parser.parse_args(argv).rounds
    with tempfile.TemporaryDirectory() as folder:
        packages = bare_packages(Path(folder))
        best = dict.fromkeys([REFERENCE, *OF_HANDLER], float("inf"))
        for _ in range(rounds):
            best[REFERENCE] = min(best[REFERENCE], _cpu_s(REFERENCE, packages, AWS))
            for name, settings in OF_HANDLER.items():
                environment = environment_of(name, settings)
                cpu_s = _cpu_s(f"import dailies.handlers.{name}", packages, environment)
                best[name] = min(best[name], cpu_s)
    reference_s = best.pop(REFERENCE)
    ratios = {name: round(cpu_s / reference_s, 2) for name, cpu_s in best.items()}
    missed = [n for n, ratio in ratios.items() if ratio > (API_GOAL if n == "api" else GOAL)]
    figures = {"reference_cpu_ms": round(1000 * reference_s), "ratios": ratios, "missed": missed}
    print(json.dumps({"cold_start": figures}))
    return 1 if missed else 0


def _cpu_s(code: str, packages: Sequence[Path], environment: dict[str, str]) -> float:
    return float(run_bare(code + _CPU, packages, environment).split()[-1])


if __name__ == "__main__":
    sys.exit(main())
