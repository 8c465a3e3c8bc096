"""Cancels a job: nothing is submitted any more; what the vendor has is watched to its end."""

from __future__ import annotations

from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState
from dailies.domain.ports import Clock, Ledger, Snapshot, Workflow
from dailies.services.recording import draft, record


def cancel_job(snapshot: Snapshot, *, ledger: Ledger, workflow: Workflow, clock: Clock) -> Snapshot:
    """Turn a live job `canceling` and wake its wait.

    Canceling it again only wakes the wait again: the first cancel may have died before it did.
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
    return snapshot
