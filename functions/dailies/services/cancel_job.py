"""Cancels a job: nothing is submitted any more; what the vendor has is watched to its end."""

from __future__ import annotations

from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, JobState
from dailies.domain.ports import Clock, Compute, Ledger, Snapshot, Workflow
from dailies.services.recording import draft, record


def cancel_job(
    snapshot: Snapshot, *, ledger: Ledger, workflow: Workflow, compute: Compute, clock: Clock
) -> Snapshot:
    """Turn a live job `canceling`, wake its wait and stop its task of enhancement.

    Canceling it again only wakes and stops again: the first cancel may have died before it did.
    Canceling a job that has ended changes nothing.

    Returns:
        The newest snapshot: its state tells whether the cancel came in time.
    """
    cancelable = frozenset({JobState.QUEUED, JobState.RUNNING})

    def build(seen: Snapshot) -> Draft | None:
        if seen.job.state not in cancelable:
            return None
        now = clock.now()
        begun = draft(seen, now, states=cancelable)
        begun.set(state=JobState.CANCELING, cancel_requested_at=now)
        return begun.event(EventType.JOB_CANCELING)

    snapshot, written = record(ledger, snapshot, snapshot.job.run, build)
    # The state first, then the signal: a wait that begins in between sees it and does not begin.
    job = ledger.signal(snapshot.job.job_id) if written else snapshot.job
    if job is not None and job.state is JobState.CANCELING and job.token is not None:
        workflow.wake(job.token)
    if job is not None and job.state is JobState.CANCELING:
        stop_computing(job, compute)
    return snapshot


def stop_computing(job: Job, compute: Compute) -> None:
    """Stop the task that the job's enhancement may have under way."""
    running = job.enhancement.running_task if job.enhancement else None
    if running is not None:
        compute.stop(running.task.task_id, "The job is not wanted any more.")
