"""Begins a run: reads what the ledger says, and reserves the next attempt where one is due."""

from __future__ import annotations

import datetime as dt

from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import Mode
from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import Job, JobState, Progress, Stage
from dailies.domain.ports import Snapshot
from dailies.domain.routing import next_outcome, next_route
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.recording import LedgerPorts, draft, going_on, load, record


def plan(step: StepInput, ports: LedgerPorts) -> StepResult:
    """Route the job by its ledger state; start it if it is new; reserve its next attempt.

    A reservation is the record that comes before the money: it costs nothing and may be closed
    unpaid.
    """
    snapshot = load(ports.ledger, step.job_id)

    def build(seen: Snapshot) -> Draft | None:
        if next_outcome(seen, step.run) is not Outcome.PLAN:
            return None
        if seen.job.request.kind is Mode.ENHANCE:
            return _start(seen, ports.clock.now())
        return _reserve(seen, ports.clock.now())

    if ports.clock.now() >= snapshot.job.deadline_at and _nothing_asked(snapshot, step.run):
        return going_on(step, snapshot, Outcome.END)
    snapshot, _ = record(ports.ledger, snapshot, step.run, build)
    return going_on(step, snapshot)


def _nothing_asked(snapshot: Snapshot, run: int) -> bool:
    return next_outcome(snapshot, run) in {Outcome.PLAN, Outcome.SUBMIT}


def _start(snapshot: Snapshot, now: dt.datetime) -> Draft:
    """Start a job that asks no vendor."""
    begun = draft(snapshot, now, stage=Stage.CHECKING)
    return begun.set(state=JobState.RUNNING).event(EventType.JOB_STARTED)


def _reserve(snapshot: Snapshot, now: dt.datetime) -> Draft:
    job, last = snapshot.job, snapshot.current
    route = 0 if last is None else next_route(job, last)
    if route is None:  # next_outcome has asked the same of the same snapshot
        raise AssertionError("PLAN without a route")
    attempt = _attempt(job, job.attempt + 1, route, now)
    begun = draft(snapshot, now, stage=Stage.SUBMITTING)
    if job.state is JobState.QUEUED:
        begun.set(state=JobState.RUNNING).event(EventType.JOB_STARTED)
    begun.set(attempt=attempt.number, route=route, progress=Progress())
    begun.event(
        EventType.ATTEMPT_RESERVED,
        attempt=attempt.number,
        vendor=attempt.vendor,
        model=attempt.model,
    )
    return begun.write_attempt(attempt, was=None)


def _attempt(job: Job, number: int, route: int, now: dt.datetime) -> Attempt:
    vendor, _, model = job.routes[route].partition("/")
    return Attempt(
        job_id=job.job_id,
        number=number,
        attempt_id=attempt_id(job.job_id, number),
        route=route,
        vendor=vendor,
        model=model,
        created_at=now,
    )
