"""The end of a job that has its result: the terminal state, and the event from which every notification is made."""

from __future__ import annotations

from dailies.domain.catalogue import Catalogue
from dailies.domain.ports import Clock, Ledger
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.end_job import end_job
from dailies.services.recording import going_on, load


def notify(step: StepInput, *, ledger: Ledger, clock: Clock, catalogue: Catalogue) -> StepResult:
    """End the job with its stored result. The event goes out through the outbox."""
    snapshot = load(ledger, step.job_id)
    snapshot = end_job(snapshot, step.run, ledger=ledger, clock=clock, catalogue=catalogue)
    ended = snapshot.job.run == step.run and snapshot.job.terminal
    return going_on(step, snapshot, Outcome.DONE if ended else None)
