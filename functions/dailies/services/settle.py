"""Writes down what the stored result cost."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from dailies.domain.attempts import Attempt, AttemptState, Charge
from dailies.domain.jobs import Job, Stage
from dailies.domain.ports import Clock, Ledger, Snapshot
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.services.recording import Move, going_on, load, move

ListPrice = Callable[[Job, Attempt], Decimal]
"""What the vendor's price list asks for what an attempt delivered, in US dollars."""


def settle(
    step: StepInput, *, ledger: Ledger, clock: Clock, list_price_usd: ListPrice
) -> StepResult:
    """Record the charge of the stored attempt: the vendor's own figure, or its list price."""
    snapshot = load(ledger, step.job_id)
    attempt = snapshot.current
    stored = attempt is not None and attempt.state is AttemptState.STORED
    if attempt is None or not stored or attempt.charge is not None or snapshot.job.run != step.run:
        return going_on(step, snapshot)
    charge = _charge(snapshot.job, attempt, list_price_usd)
    wanted = Move(
        attempt.number,
        frozenset({AttemptState.STORED}),
        AttemptState.STORED,
        attempt={"charge": charge, "finished_at": clock.now()},
        job={"cost_usd": cost_usd(snapshot) + charge.amount_usd},
        stage=Stage.NOTIFYING,
    )
    snapshot, written = move(ledger, clock, snapshot, step.run, wanted)
    return going_on(step, snapshot, Outcome.NOTIFY if written else None)


def cost_usd(snapshot: Snapshot) -> Decimal:
    """Return the sum of what the attempts are known to have cost."""
    return sum((a.charge.amount_usd for a in snapshot.attempts if a.charge), Decimal(0))


def _charge(job: Job, attempt: Attempt, list_price_usd: ListPrice) -> Charge:
    billed = attempt.billed
    if billed is not None and billed.amount_usd is not None:
        return Charge(amount_usd=billed.amount_usd, basis="vendor", billed=billed)
    return Charge(amount_usd=list_price_usd(job, attempt), basis="catalogue", billed=billed)
