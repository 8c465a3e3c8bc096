"""The ways to wait that are compared: ours, and two that others use.

Ours run as they are. Another one is put into the same walk in the place of our waits: it says how
long to wait after the submit, and after each question that found the task unfinished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dailies.domain.catalogue import Latency
from dailies.domain.waiting import first_wait_s, next_wait_s


@dataclass(frozen=True)
class Asked:
    """What a schedule may go by."""

    latency: Latency
    questions: int
    """How many were asked so far; 0 right after the submit."""
    elapsed_s: float
    learned_q02_s: float | None


Schedule = Callable[[Asked], int]


@dataclass(frozen=True)
class Policy:
    """One way to wait."""

    name: str
    calls_back: bool = False
    """Whether the vendor's callback ends the wait."""
    learns: bool = False
    """Whether the first wait follows from how long earlier jobs took."""
    schedule: Schedule | None = None
    """Replaces our waits; None leaves them."""
    promise_s: float | None = None
    """Mean delay that we promise."""


def _plain(asked: Asked) -> int:
    """Wait as `domain/waiting.py` does where Poll does not hold."""
    if asked.questions == 0:
        return first_wait_s(asked.latency, by_callback=False, learned_q02_s=asked.learned_q02_s)
    return next_wait_s(asked.latency, asked.elapsed_s, by_callback=False)


def _fixed(asked: Asked) -> int:
    return 30


def _exponential(asked: Asked) -> int:
    return min(60, 5 * 2 ** min(asked.questions, 10))


EXPONENTIAL = "exponential, 5 s to 60 s"
POLICIES: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("callback", calls_back=True, promise_s=1.0),
        Policy("holding poll", promise_s=1.5),
        Policy("holding poll, learned q02", learns=True, promise_s=1.5),
        Policy("plain waits", schedule=_plain, promise_s=5.0),
        Policy("plain waits, learned q02", learns=True, schedule=_plain, promise_s=5.0),
        Policy("fixed, 30 s", schedule=_fixed),
        Policy(EXPONENTIAL, schedule=_exponential),
    )
}
