"""The sweeper: takes each job that has shown no sign of life when one was due, and sees that it goes on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.ports import ExecutionStatus, Snapshot, Workflow
from dailies.domain.waiting import late_look_at
from dailies.services.end_job import awaits_result, end_job
from dailies.services.open_run import open_run
from dailies.services.recording import ANY_STATE, LedgerPorts, draft, record

MAX_AUTOMATIC_RUNS = 3


@dataclass(frozen=True)
class SweepPorts(LedgerPorts):
    """What the sweeper needs."""

    workflow: Workflow


def sweep(ports: SweepPorts, *, limit: int = 200) -> int:
    """Look after each job that is due, oldest first, and return how many there were."""
    seen = 0
    for job in ports.ledger.due(ports.clock.now(), limit=limit):
        seen += 1
        look_after(job.job_id, ports)
    return seen


def look_after(job_id: str, ports: SweepPorts, *, run: int | None = None) -> None:
    """See that a job goes on: start a run that was never started, open the next after one that died, expire, or park.

    Called by the sweeper, and at once when Step Functions reports the end of a run: an old one's end is no news.
    """
    snapshot = ports.ledger.snapshot(job_id)
    if snapshot is None or run not in {None, snapshot.job.run}:
        return
    status = ports.workflow.status(job_id, snapshot.job.run)
    if status is ExecutionStatus.ABSENT:
        ports.workflow.start(job_id, snapshot.job.run)
        _look_later(snapshot, ports)
    elif status is ExecutionStatus.RUNNING:
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
        _expire_or_park(snapshot, ports)


def _look_later(snapshot: Snapshot, ports: SweepPorts) -> None:
    def build(seen: Snapshot) -> Draft | None:
        begun = draft(seen, ports.clock.now(), states=ANY_STATE)
        return begun.set(due_at=_late_look(seen, ports)) if seen.job.terminal else begun

    record(ports.ledger, snapshot, snapshot.job.run, build)


def _look_for_late_result(snapshot: Snapshot, ports: SweepPorts) -> None:
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


def _expire_or_park(snapshot: Snapshot, ports: SweepPorts) -> None:
    job = snapshot.job
    if ports.clock.now() >= job.deadline_at:
        ended = end_job(snapshot, job.run, ports)
        if ended.job.terminal:
            return

    def build(seen: Snapshot) -> Draft | None:
        if seen.job.parked and seen.job.due_at == seen.job.deadline_at:
            return None
        begun = draft(seen, ports.clock.now()).set(parked=True, due_at=seen.job.deadline_at)
        return (
            begun if seen.job.parked else begun.event(EventType.JOB_PARKED, reason="runs_used_up")
        )

    record(ports.ledger, snapshot, job.run, build)
