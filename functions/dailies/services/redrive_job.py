"""Redrives a job: a new run that goes on from what was already paid for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dailies.domain.attempts import ENDED_WITHOUT_RESULT, Attempt, AttemptState
from dailies.domain.catalogue import Catalogue
from dailies.domain.changes import Draft
from dailies.domain.enhancement import Enhancement, EnhancementState
from dailies.domain.errors import ConflictError
from dailies.domain.events import EventType
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import Job, JobState, Progress, Stage
from dailies.domain.ports import Clock, ExecutionStatus, Ledger, Snapshot, Workflow
from dailies.domain.waiting import late_look_at, sweep_at
from dailies.services.create_job import price_routes
from dailies.services.open_run import open_run
from dailies.services.recording import record

_ENDED = frozenset({JobState.FAILED, JobState.EXPIRED})
_GOING = frozenset({JobState.QUEUED, JobState.RUNNING})


class NothingToRedriveError(ConflictError):
    """There is nothing left that a redrive could go on with."""

    code = "nothing_to_redrive"
    retryable = False


@dataclass(frozen=True)
class RedrivePorts:
    """What a redrive needs."""

    ledger: Ledger
    workflow: Workflow
    catalogue: Catalogue
    clock: Clock


def redrive_job(snapshot: Snapshot, ports: RedrivePorts) -> Snapshot:
    """Open a run that goes on with the job, and return the newest snapshot.

    What may exist at a vendor is looked up, polled or fetched, never ordered again. Only an attempt
    that is proven to have no result is followed by a new one, from the first model of the job on.
    A job that is being worked on stays as it is, so that asking again is harmless.

    Raises:
        NothingToRedriveError: the job has succeeded, is or was canceled, or its result is lost.
        InvalidRequestError: a new attempt is due, and a model of the job cannot be asked any more.
    """
    job = snapshot.job
    if job.state in _GOING:
        return _continue(snapshot, ports)
    if job.state not in _ENDED:
        raise NothingToRedriveError(
            f"The job is {job.state}: only one that failed or expired goes on."
        )
    status = ports.workflow.status(job.job_id, job.run)
    if status is ExecutionStatus.RUNNING:  # it looks for a late result, as the new run will
        ports.workflow.stop(job.job_id, job.run, "The caller redrives the job.")

    def build(seen: Snapshot) -> Draft | None:
        return _reopened(seen, ports) if seen.job.state in _ENDED else None

    snapshot, opened = record(ports.ledger, snapshot, job.run, build)
    if opened:
        ports.workflow.start(job.job_id, snapshot.job.run)
    return snapshot


def _continue(snapshot: Snapshot, ports: RedrivePorts) -> Snapshot:
    """Give a job that stands still its next run, without waiting for the sweeper."""
    job = snapshot.job
    if ports.workflow.status(job.job_id, job.run) is not ExecutionStatus.ENDED:
        return snapshot
    return open_run(
        snapshot,
        ledger=ports.ledger,
        workflow=ports.workflow,
        clock=ports.clock,
        automatic=False,
    )


def _reopened(seen: Snapshot, ports: RedrivePorts) -> Draft:
    job, now = seen.job, ports.clock.now()
    begun = Draft(job=job, now=now, states=frozenset({job.state}))
    begun.set(
        state=JobState.RUNNING,
        run=job.run + 1,
        auto_runs=0,
        parked=False,
        error=None,
        finished_at=None,
        deadline_at=now + dt.timedelta(seconds=job.request.deadline_s),
        due_at=sweep_at(now),
    )
    begun.event(EventType.RUN_OPENED, run=job.run + 1, automatic=False)
    attempt = seen.current
    if attempt is not None and attempt.state in ENDED_WITHOUT_RESULT:
        if attempt.outputs:
            return _fetch_again(begun, job, attempt, ports)
        return _order_anew(begun, job, ports)
    if job.enhancement is not None and job.enhancement.failure is not None:
        _enhance_again(begun, job.enhancement)
    return begun  # `Plan` routes by what the ledger says


def _enhance_again(begun: Draft, known: Enhancement) -> None:
    """Let an enhancement that failed have new tries."""
    update = {"state": EnhancementState.RUNNING, "failure": None, "spent": len(known.tries)}
    begun.set(stage=Stage.ENHANCING, stage_at=begun.now, progress=Progress())
    begun.set(enhancement=known.model_copy(update=update))
    begun.event(EventType.STAGE_ENTERED, stage=Stage.ENHANCING)


def _fetch_again(begun: Draft, job: Job, attempt: Attempt, ports: RedrivePorts) -> Draft:
    """Take an attempt up again whose file was delivered, and paid for, but could not be used."""
    vendor = ports.catalogue.vendor(attempt.vendor)
    if late_look_at(attempt, vendor, begun.now) is None:
        raise NothingToRedriveError(
            "The vendor keeps the result no longer, and it was paid for: a new job would be "
            "charged anew."
        )
    charged_usd = attempt.charge.amount_usd if attempt.charge else 0
    fresh = {
        # Asked again, the vendor gives a fresh address; where it cannot be asked, the old one.
        "state": AttemptState.GENERATING if attempt.handle else AttemptState.FETCHING,
        "failure": None,
        "charge": None,  # written again when the job is settled
        "finished_at": None,
        "fetches": 0,
    }
    begun.set(stage=Stage.STORING, stage_at=begun.now, cost_usd=job.cost_usd - charged_usd)
    begun.event(EventType.STAGE_ENTERED, stage=Stage.STORING)
    return begun.write_attempt(attempt.model_copy(update=fresh), was=attempt.state)


def _order_anew(begun: Draft, job: Job, ports: RedrivePorts) -> Draft:
    """Reserve a new attempt, and walk the job's models from the first one on."""
    price_routes(job.request, ports.catalogue, begun.now.date())
    number = job.attempt + 1
    vendor, _, model = job.routes[0].partition("/")
    attempt = Attempt(
        job_id=job.job_id,
        number=number,
        attempt_id=attempt_id(job.job_id, number),
        vendor=vendor,
        model=model,
        created_at=begun.now,
    )
    begun.set(attempt=number, route=0, progress=Progress())
    begun.set(stage=Stage.SUBMITTING, stage_at=begun.now)
    begun.event(EventType.STAGE_ENTERED, stage=Stage.SUBMITTING)
    begun.event(EventType.ATTEMPT_RESERVED, attempt=number, vendor=vendor, model=model)
    return begun.write_attempt(attempt, was=None)
