"""Ends an attempt whose file was delivered and is of no use: paid for, and asked of nobody else."""

from __future__ import annotations

from dailies.domain.attempts import Attempt, AttemptFailure, AttemptState
from dailies.domain.events import EventType
from dailies.domain.ports import Snapshot
from dailies.domain.steps import StepInput, StepResult
from dailies.services.recording import LedgerPorts, Move, going_on, move
from dailies.services.settle import charge_of, cost_usd


def give_up(
    step: StepInput,
    snapshot: Snapshot,
    attempt: Attempt,
    failure: AttemptFailure,
    ports: LedgerPorts,
) -> StepResult:
    """Record the failure with its charge, and say where the job goes on."""
    charge = charge_of(snapshot.job, attempt, ports.catalogue)
    wanted = Move(
        attempt.number,
        frozenset({attempt.state}),
        AttemptState.FAILED,
        event=EventType.ATTEMPT_ENDED,
        data={"state": AttemptState.FAILED, "code": failure.code},
        attempt={
            "failure": failure,
            "charge": charge,
            "upload": None,
            "finished_at": ports.clock.now(),
        },
        job={"cost_usd": cost_usd(snapshot) + charge.amount_usd},
    )
    snapshot, _ = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    return going_on(step, snapshot)
