"""Where a job goes next, from the ledger alone.

A retried step, a new run and a first run all take the same way.
"""

from __future__ import annotations

from dailies.domain.attempts import AMBIGUOUS, HAS_HANDLE, Attempt, AttemptState
from dailies.domain.catalogue import Mode
from dailies.domain.enhancement import Enhancement, EnhancementState
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
    if is_enhancing(job):
        return Outcome.ENHANCE
    return _without_attempt(job) if attempt is None else _with_attempt(job, attempt)


def _with_attempt(job: Job, attempt: Attempt) -> Outcome:
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
    if job.enhancement is not None:
        return Outcome.NOTIFY if job.enhancement.asset_id else Outcome.END
    if job.state is JobState.CANCELING:
        return Outcome.END
    if job.request.kind is not Mode.ENHANCE or job.state is JobState.QUEUED:
        return Outcome.PLAN
    return Outcome.CHECK if job.checked_at is None else Outcome.ENHANCE


def _after_storing(job: Job, attempt: Attempt) -> Outcome:
    if attempt.charge is None:
        # A definition without enhancement never comes here with one, and knows no `settle` of Plan.
        return Outcome.PROBE if job.enhancement is None else Outcome.SETTLE
    if job.terminal and result_asset(job, attempt) in job.assets:
        return Outcome.DONE
    return Outcome.END if fails_unenhanced(job) else Outcome.NOTIFY


def next_route(job: Job, attempt: Attempt) -> int | None:
    """Return the route to fail over to after `attempt`'s proven end, or None."""
    if attempt.failure is None or not attempt.failure.may_fail_over:
        return None
    return attempt.route + 1 if attempt.route + 1 < len(job.routes) else None


def is_enhancing(job: Job) -> bool:
    """Whether the job's enhancement has begun and not ended."""
    return job.enhancement is not None and job.enhancement.state is EnhancementState.RUNNING


def wants_enhancing(snapshot: Snapshot) -> bool:
    """Whether the job's enhancement is still to be done: begun or not, and nobody has canceled."""
    job, attempt = snapshot.job, snapshot.current
    if job.state is not JobState.RUNNING or job.request.enhancement is None:
        return False
    if is_enhancing(job):
        return True
    if job.enhancement is not None:
        return False
    if job.request.kind is Mode.ENHANCE:
        return True
    return attempt is not None and attempt.state is AttemptState.STORED and attempt.charge is None


def fails_unenhanced(job: Job) -> bool:
    """Whether the job must fail because its enhancement has, though there may be a video."""
    failed = job.enhancement is not None and job.enhancement.state is EnhancementState.FAILED
    return failed and job.state is JobState.RUNNING and not job.request.delivers_unenhanced


def result_asset(job: Job, attempt: Attempt | None) -> str | None:
    """Return the asset that the job is for: the enhanced one, else the attempt's, if stored."""
    if job.enhancement is not None and job.enhancement.asset_id is not None:
        return job.enhancement.asset_id
    stored = attempt is not None and attempt.state is AttemptState.STORED
    return attempt.asset_id if attempt is not None and stored else None


def charged(attempts: tuple[Attempt, ...], enhancement: Enhancement | None = None) -> Charged:
    """Return whether attempts and enhancement cost money, as far as anybody knows."""
    if any(a.state in {AttemptState.FETCHING, AttemptState.STORED} for a in attempts):
        return Charged.YES
    if any(a.charge is not None and a.charge.amount_usd > 0 for a in attempts):
        return Charged.YES
    if enhancement is not None and enhancement.cost_usd > 0:
        return Charged.YES
    if any(a.state in AMBIGUOUS | HAS_HANDLE for a in attempts):
        return Charged.UNKNOWN
    computing = enhancement is not None and enhancement.running_task is not None
    return Charged.UNKNOWN if computing else Charged.NO
