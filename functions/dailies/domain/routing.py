"""Where a job goes next, from the ledger alone.

A retried step, a new run and a first run all take the same way.
"""

from __future__ import annotations

from dailies.domain.attempts import AMBIGUOUS, HAS_HANDLE, Attempt, AttemptState
from dailies.domain.jobs import Charged, Job, JobState
from dailies.domain.ports import Snapshot
from dailies.domain.steps import Outcome


def next_outcome(snapshot: Snapshot, run: int) -> Outcome:
    """Return the state that serves the job now.

    Deadlines are not looked at here: an attempt that may have a result is asked for once more
    before its job expires.
    """
    job, attempt = snapshot.job, snapshot.current
    if job.run != run:
        return Outcome.SUPERSEDED
    if attempt is None:
        return _without_attempt(job)
    if attempt.state is AttemptState.STORED:
        return _after_storing(job, attempt)
    if attempt.state in AMBIGUOUS:
        return Outcome.RESOLVE
    if attempt.state in HAS_HANDLE:
        return Outcome.POLL
    if attempt.state is AttemptState.FETCHING:
        return Outcome.STORE
    if job.terminal:
        return Outcome.DONE
    if job.state is JobState.CANCELING:
        return Outcome.END
    if attempt.state is AttemptState.RESERVED:
        return Outcome.SUBMIT
    return Outcome.PLAN if next_route(job, attempt) is not None else Outcome.END


def _without_attempt(job: Job) -> Outcome:
    if job.terminal:
        return Outcome.DONE
    return Outcome.END if job.state is JobState.CANCELING else Outcome.PLAN


def _after_storing(job: Job, attempt: Attempt) -> Outcome:
    if attempt.charge is None:
        return Outcome.PROBE
    return Outcome.DONE if job.terminal and attempt.asset_id in job.assets else Outcome.NOTIFY


def next_route(job: Job, attempt: Attempt) -> int | None:
    """Return the route to fail over to after `attempt`'s proven end, or None."""
    if attempt.failure is None or not attempt.failure.may_fail_over:
        return None
    return attempt.route + 1 if attempt.route + 1 < len(job.routes) else None


def charged(attempts: tuple[Attempt, ...]) -> Charged:
    """Return whether these attempts cost money, as far as anybody knows."""
    if any(a.state in {AttemptState.FETCHING, AttemptState.STORED} for a in attempts):
        return Charged.YES
    if any(a.charge is not None and a.charge.amount_usd > 0 for a in attempts):
        return Charged.YES
    if any(a.state in AMBIGUOUS | HAS_HANDLE for a in attempts):
        return Charged.UNKNOWN
    return Charged.NO
