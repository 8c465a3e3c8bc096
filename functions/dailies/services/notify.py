"""The end of a job that has its result: the terminal state, and the event that tells it."""

from __future__ import annotations

from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.end_job import end_job
from dailies.services.recording import LedgerPorts, going_on, load


def notify(step: StepInput, ports: LedgerPorts) -> StepResult:
    """End the job with its stored result. The event goes out through the outbox."""
    snapshot = load(ports.ledger, step.job_id)
    snapshot = end_job(snapshot, step.run, ports)
    ended = snapshot.job.run == step.run and snapshot.job.terminal
    return going_on(step, snapshot, Outcome.DONE if ended else None)
