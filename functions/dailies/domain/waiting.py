"""How long to wait before asking a vendor again: the numbers of the wait loop."""

from __future__ import annotations

import datetime as dt
import math

from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import CallbackKind, Latency, VendorSpec
from dailies.domain.jobs import Job

SUBMIT_FUNCTION_TIMEOUT_S = 90
"""The Submit function never runs longer: until then a lost submit may still be under way."""
HOLD_WINDOW_S = 60.0
"""How long one invocation of Poll goes on asking."""
HOLD_INTERVAL_S = 2.0
"""Between two questions: an end is seen after half of it on average, plus the asking."""
PLAIN_WAIT_S = (8, 30)
"""Bounds of the waits past the usual time."""
RESOLVE_WAIT_S = (5, 120)
THROTTLE_WAIT_S = (5, 120)
"""Bounds of our own patience with a vendor that is busy and does not say for how long."""
RETRY_AFTER_S = (1, 3600)
"""Bounds within which a vendor's own word is taken."""
SWEEP_GRACE_S = 180
"""How long after its next sign of life was due the sweeper looks at a job."""
REFETCH_PAUSE_S = (2, 60)
"""Bounds of the pause before a fresh address is asked for of a file that could not be used."""
LATE_LOOK_S = (600, 21_600)
"""Bounds of the time between looks for the result of an attempt whose job has ended."""
MAX_SUBMITS_BEFORE_FAILOVER = 8


def calls_back(vendor: VendorSpec, *, reachable: bool) -> bool:
    """Whether to rely on the vendor's callback; nobody can call a laptop."""
    return reachable and vendor.callbacks is not CallbackKind.NONE


def backstop_s(latency: Latency) -> float:
    """Return when a callback is overdue, in seconds after the submit."""
    return max(60.0, 1.5 * latency.p95)


def first_wait_s(latency: Latency, *, by_callback: bool, learned_q02_s: float | None = None) -> int:
    """Return the wait between a submit and the first poll."""
    if by_callback:
        return math.ceil(backstop_s(latency))
    q02 = latency.q02 if learned_q02_s is None else learned_q02_s
    return math.ceil(min(max(q02, 5.0), 0.8 * latency.p50))


def holds(latency: Latency, elapsed_s: float, *, by_callback: bool) -> bool:
    """Whether Poll should go on asking in one invocation: not past twice the usual longest time."""
    return not by_callback and elapsed_s <= 2 * latency.p95


def next_wait_s(latency: Latency, elapsed_s: float, *, by_callback: bool) -> int:
    """Return the wait after a poll that found the task unfinished, `elapsed_s` after its submit.

    A plain wait stays short until three times the usual longest time: most that are late end soon.
    """
    if by_callback and (left := backstop_s(latency) - elapsed_s) > 0:
        return math.ceil(left)
    overdue_s = max(0.0, elapsed_s - 3 * latency.p95)
    return _clamp(PLAIN_WAIT_S[0] + 0.05 * overdue_s, PLAIN_WAIT_S)


def troubled_wait_s(latency: Latency, elapsed_s: float, pause_s: float) -> int:
    """Return the wait after a poll that found nothing out: a plain one, or what the vendor asks."""
    return max(next_wait_s(latency, elapsed_s, by_callback=False), math.ceil(pause_s))


def resolve_wait_s(attempt: Attempt, now: dt.datetime) -> int:
    """Return the wait until the next look-up: short at first, as most are found at once."""
    since_s = (now - (attempt.submitting_at or now)).total_seconds()
    return _clamp(0.2 * since_s, RESOLVE_WAIT_S)


def refetch_pause_s(fetches: int) -> int:
    """Return how long a vendor gets to mend a file: about five minutes over all tries."""
    return _clamp(2**fetches, REFETCH_PAUSE_S)


def throttle_wait_s(attempt: Attempt, retry_after_s: float | None) -> int:
    """Return the wait before a refused submit is tried again; the vendor's own word goes first."""
    if retry_after_s is not None:
        return _clamp(retry_after_s, RETRY_AFTER_S)
    return _clamp(THROTTLE_WAIT_S[0] * 2 ** min(attempt.submits, 6), THROTTLE_WAIT_S)


def decidable_at(attempt: Attempt, vendor: VendorSpec) -> dt.datetime:
    """Return the moment from which "the vendor has no such task" can be believed."""
    begun = attempt.submitting_at or attempt.created_at
    return begun + dt.timedelta(seconds=SUBMIT_FUNCTION_TIMEOUT_S + vendor.acceptance_s)


def until_deadline_s(job: Job, now: dt.datetime, wait_s: int) -> int:
    """Return `wait_s`, cut so that the wait ends with the job's deadline."""
    left_s = math.ceil((job.deadline_at - now).total_seconds())
    return max(1, min(wait_s, left_s))


def sweep_at(now: dt.datetime, wait_s: float = 0) -> dt.datetime:
    """Return when the sweeper should miss a sign of life, `wait_s` being slept meanwhile."""
    return now + dt.timedelta(seconds=wait_s + SWEEP_GRACE_S)


def late_look_at(attempt: Attempt, vendor: VendorSpec, now: dt.datetime) -> dt.datetime | None:
    """Return when to look again for the result of an attempt whose job has ended.

    None past the vendor's retention.
    """
    begun = attempt.submitting_at or attempt.created_at
    age_s = (now - begun).total_seconds()
    if age_s > vendor.retention_s:
        return None
    return now + dt.timedelta(seconds=_clamp(0.25 * age_s, LATE_LOOK_S))


def _clamp(value: float, bounds: tuple[int, int]) -> int:
    return math.ceil(min(max(value, bounds[0]), bounds[1]))
