"""How long vendors take: the same drawn seconds for everybody that is compared."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

Draw = Callable[[random.Random], float]


def _uniform(rng: random.Random) -> float:
    return rng.uniform(40, 180)


def _log_normal(rng: random.Random, median_s: float = 85, sigma: float = 0.35) -> float:
    return rng.lognormvariate(math.log(median_s), sigma)


def _mixture(rng: random.Random) -> float:
    return _log_normal(rng, 70 if rng.random() < 0.8 else 170, 0.25)


SLOWS = "LogN, threefold from midway"
"""The vendor that gets three times slower after half of the jobs."""
_DRAWS: Mapping[str, Draw] = {
    "U(40,180)": _uniform,
    "LogN(85, 0.35)": _log_normal,
    "80 % LN(70) + 20 % LN(170)": _mixture,
    SLOWS: _log_normal,
}
NAMES = tuple(_DRAWS)


def durations_s(name: str, jobs: int, seed: int) -> list[float]:
    """Return what each of the jobs takes at its vendor, in order."""
    rng = random.Random(f"{name}/{seed}")  # noqa: S311
    drawn = [_DRAWS[name](rng) for _ in range(jobs)]
    if name == SLOWS:
        drawn[jobs // 2 :] = [3 * seconds for seconds in drawn[jobs // 2 :]]
    return drawn
