"""Gives a job a new execution, after the old one is proven to have ended."""

from __future__ import annotations

from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.ports import Clock, ExecutionStatus, Ledger, Snapshot, Workflow
from dailies.services.recording import ANY_STATE, draft, record


def open_run(
    snapshot: Snapshot, *, ledger: Ledger, workflow: Workflow, clock: Clock, automatic: bool
) -> Snapshot:
    """Move the job from run n to n+1 and start it; a run that is alive is stopped first.

    The step from n to n+1 is one conditional write: of two that try, one opens the run and the
    other does nothing. If the start is lost, the sweeper finds a run without an execution and
    starts it.
    """
    job = snapshot.job
    if workflow.status(job.job_id, job.run) is ExecutionStatus.RUNNING:
        workflow.stop(job.job_id, job.run, "A new run takes over.")

    def build(seen: Snapshot) -> Draft | None:
        begun = draft(seen, clock.now(), states=ANY_STATE)
        counted = seen.job.auto_runs + (1 if automatic and not seen.job.terminal else 0)
        begun.set(run=seen.job.run + 1, auto_runs=counted, parked=False)
        return begun.event(EventType.RUN_OPENED, run=seen.job.run + 1, automatic=automatic)

    snapshot, opened = record(ledger, snapshot, job.run, build)
    if opened:
        workflow.start(job.job_id, snapshot.job.run)
    return snapshot
