"""Read jobs, their attempts and events. The only place that checks whose job it is."""

from __future__ import annotations

from collections.abc import Callable

from dailies.domain.errors import NotFoundError
from dailies.domain.events import Event
from dailies.domain.jobs import Job
from dailies.domain.ports import Clock, Ledger, Page, Snapshot

_REREAD_S = 1.0


def read_job(job_id: str, *, tenant: str, ledger: Ledger) -> Job:
    """Return the tenant's job, or raise NotFoundError; another tenant's does not exist either."""
    return _owned(ledger.job(job_id), job_id, tenant)


def await_change(
    job_id: str,
    *,
    tenant: str,
    ledger: Ledger,
    clock: Clock,
    wait_s: float,
    changed: Callable[[Job], bool],
) -> Job:
    """Return the job as soon as `changed` holds or it has ended, at the latest after `wait_s`.

    The API's one wait inside an invocation, for `Prefer: wait`: all others are the state machine's.

    Raises:
        NotFoundError: there is no such job for this tenant.
    """
    until = clock.monotonic() + wait_s
    job = read_job(job_id, tenant=tenant, ledger=ledger)
    while not (job.terminal or changed(job)):
        left_s = until - clock.monotonic()
        if left_s <= 0:
            break
        clock.sleep(min(_REREAD_S, left_s))
        job = read_job(job_id, tenant=tenant, ledger=ledger)
    return job


def list_jobs(*, tenant: str, limit: int, cursor: str | None, ledger: Ledger) -> Page[Job]:
    """Return a page of the tenant's jobs, newest first.

    Raises:
        InvalidRequestError: the cursor is not one of ours.
    """
    return ledger.jobs(tenant, limit=limit, cursor=cursor)


def read_snapshot(job_id: str, *, tenant: str, ledger: Ledger) -> Snapshot:
    """Return the tenant's job and its attempts, oldest first, or raise NotFoundError."""
    snapshot = ledger.snapshot(job_id)
    if snapshot is None:
        raise _missing(job_id)
    _owned(snapshot.job, job_id, tenant)
    return snapshot


def list_events(
    job_id: str, *, tenant: str, after: int, limit: int, ledger: Ledger
) -> tuple[Event, ...]:
    """Return the events above `after` of the tenant's job, in order, or raise NotFoundError."""
    read_job(job_id, tenant=tenant, ledger=ledger)
    return ledger.events(job_id, after=after, limit=limit)


def _owned(job: Job | None, job_id: str, tenant: str) -> Job:
    if job is None or job.tenant != tenant:
        raise _missing(job_id)
    return job


def _missing(job_id: str) -> NotFoundError:
    return NotFoundError(f"There is no job {job_id}.")
