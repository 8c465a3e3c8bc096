"""The failure path: ends the job where the ledger proves that it cannot succeed.

Where it does not, the job is left to the sweeper.
"""

from __future__ import annotations

from dailies.domain.jobs import JobState
from dailies.domain.ports import Snapshot
from dailies.domain.steps import FailureInput, FailureResult
from dailies.services.end_job import end_job
from dailies.services.recording import LedgerPorts, load

_ERRORS = {
    JobState.FAILED: "JobFailed",
    JobState.EXPIRED: "JobExpired",
    JobState.CANCELED: "JobCanceled",
}


def fail(step: FailureInput, ports: LedgerPorts) -> FailureResult:
    """End the job, or only the run.

    A step that crashed proves nothing about the money: as long as an attempt may have a result, the
    job stays as it is, this run ends, and the sweeper opens the next one.
    """
    snapshot = load(ports.ledger, step.job_id)
    if not _computes(snapshot):
        snapshot = end_job(snapshot, step.run, ports)
    error, cause = _verdict(snapshot, step)
    return FailureResult.model_validate(
        {"job_id": step.job_id, "run": step.run, "error": error, "cause": cause}
    )


def _computes(snapshot: Snapshot) -> bool:
    """Whether a machine may be at work, which costs by the second; the sweeper can stop it."""
    known = snapshot.job.enhancement
    return known is not None and known.running_task is not None


def _verdict(snapshot: Snapshot, step: FailureInput) -> tuple[str, str]:
    job = snapshot.job
    if job.run != step.run:
        return "RunSuperseded", f"Run {job.run} owns the job."
    if not job.terminal:
        return "RunFailed", f"{step.step or 'A step'} ended with {step.error or 'no result'}."
    if job.error is None:
        return "RunFailed", "The job has ended well; a later step of its run failed."
    return _ERRORS[job.state], f"{job.error.code}: {job.error.message}"
