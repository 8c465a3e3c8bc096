"""The sweeper: takes each job that showed no sign of life when due, and sees that it goes on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState
from dailies.domain.ports import Compute, ExecutionStatus, Snapshot, Workflow
from dailies.domain.waiting import late_look_at
from dailies.observability import count, logger
from dailies.services.cancel_job import stop_computing
from dailies.services.end_job import awaits_result, end_job
from dailies.services.open_run import open_run
from dailies.services.recording import ANY_STATE, LedgerPorts, draft, record

MAX_AUTOMATIC_RUNS = 3
_START_AGAIN = dt.timedelta(seconds=60)
"""When to try again to start a run that the account's quota refused."""


@dataclass(frozen=True)
class SweepPorts(LedgerPorts):
    """What the sweeper needs."""

    workflow: Workflow
    compute: Compute


def sweep(ports: SweepPorts, *, limit: int = 200) -> int:
    """Look after each job that is due, oldest first, and return how many there were.

    One that cannot be looked after must not hold up the rest: it comes again at the next sweep.
    """
    now, seen, oldest_s = ports.clock.now(), 0, 0.0
    for job in ports.ledger.due(now, limit=limit):
        seen += 1
        oldest_s = max(oldest_s, (now - (job.due_at or now)).total_seconds())
        try:
            look_after(job.job_id, ports)
        except Exception:  # whatever is wrong with this job, it is not wrong with the others
            logger.exception("a job could not be looked after", extra={"job_id": job.job_id})
    count("DueJobs", seen)
    count("OldestDueJobSeconds", oldest_s)
    return seen


def look_after(job_id: str, ports: SweepPorts, *, run: int | None = None) -> None:
    """See that a job goes on.

    Start a run that was never started, open the next after one that died, end the job, or park it.
    Called by the sweeper, and at once when Step Functions reports the end of a run: an old one's
    end is no news.
    """
    snapshot = ports.ledger.snapshot(job_id)
    if snapshot is None or run not in {None, snapshot.job.run}:
        return
    status = ports.workflow.status(job_id, snapshot.job.run)
    if status is ExecutionStatus.ABSENT:
        started = ports.workflow.start(job_id, snapshot.job.run)
        _look_later(snapshot, ports, soon=not started)
    elif status is ExecutionStatus.RUNNING:
        if snapshot.job.state is JobState.CANCELING:
            stop_computing(snapshot.job, ports.compute)  # it may have begun as the cancel came
        _look_later(snapshot, ports)
    elif snapshot.job.terminal:
        _look_for_late_result(snapshot, ports)
    elif snapshot.job.auto_runs < MAX_AUTOMATIC_RUNS:
        open_run(
            snapshot,
            ledger=ports.ledger,
            workflow=ports.workflow,
            clock=ports.clock,
            automatic=True,
        )
    else:
        _end_or_park(snapshot, ports)


def _look_later(snapshot: Snapshot, ports: SweepPorts, *, soon: bool = False) -> None:
    def build(seen: Snapshot) -> Draft | None:
        now = ports.clock.now()
        begun = draft(seen, now, states=ANY_STATE)
        if seen.job.terminal:
            return begun.set(due_at=_late_look(seen, ports))
        return begun.set(due_at=now + _START_AGAIN) if soon else begun

    record(ports.ledger, snapshot, snapshot.job.run, build)


def _look_for_late_result(snapshot: Snapshot, ports: SweepPorts) -> None:
    # A run may have died between settling a late result and telling of it: nothing else is missing.
    snapshot = end_job(snapshot, snapshot.job.run, ports)
    if _late_look(snapshot, ports) is None:
        _give_up(snapshot, ports)
        return
    opened = open_run(
        snapshot, ledger=ports.ledger, workflow=ports.workflow, clock=ports.clock, automatic=True
    )
    _look_later(opened, ports)


def _give_up(snapshot: Snapshot, ports: SweepPorts) -> None:
    def build(seen: Snapshot) -> Draft | None:
        if seen.job.due_at is None or not seen.job.terminal:
            return None
        return draft(seen, ports.clock.now(), states=ANY_STATE).set(due_at=None)

    record(ports.ledger, snapshot, snapshot.job.run, build)


def _late_look(snapshot: Snapshot, ports: SweepPorts) -> dt.datetime | None:
    attempt = snapshot.current
    if attempt is None or not awaits_result(attempt):
        return None
    return late_look_at(attempt, ports.catalogue.vendor(attempt.vendor), ports.clock.now())


def _end_or_park(snapshot: Snapshot, ports: SweepPorts) -> None:
    """End a job whose runs are used up where the ledger proves an end; else park it."""
    job = snapshot.job
    if job.state is JobState.CANCELING or ports.clock.now() >= job.deadline_at:
        stop_computing(job, ports.compute)  # first: nobody looks after the task of an ended job
    if end_job(snapshot, job.run, ports).job.terminal:
        return

    def build(seen: Snapshot) -> Draft | None:
        if seen.job.parked and seen.job.due_at == seen.job.deadline_at:
            return None
        begun = draft(seen, ports.clock.now()).set(parked=True, due_at=seen.job.deadline_at)
        return (
            begun if seen.job.parked else begun.event(EventType.JOB_PARKED, reason="runs_used_up")
        )

    record(ports.ledger, snapshot, job.run, build)
