"""Writes down what the stored result cost."""

from __future__ import annotations

from decimal import Decimal

from dailies.domain.attempts import Attempt, AttemptState, Charge
from dailies.domain.catalogue import Catalogue
from dailies.domain.jobs import Job, Stage
from dailies.domain.options import resolve_options
from dailies.domain.ports import Snapshot
from dailies.domain.steps import StepInput, StepResult
from dailies.services.recording import LedgerPorts, Move, going_on, load, move


def settle(step: StepInput, ports: LedgerPorts) -> StepResult:
    """Record the charge of the stored attempt."""
    snapshot = load(ports.ledger, step.job_id)
    attempt = snapshot.current
    stored = attempt is not None and attempt.state is AttemptState.STORED
    if attempt is None or not stored or attempt.charge is not None or snapshot.job.run != step.run:
        return going_on(step, snapshot)
    charge = charge_of(snapshot.job, attempt, ports.catalogue)
    wanted = Move(
        attempt.number,
        frozenset({AttemptState.STORED}),
        AttemptState.STORED,
        attempt={"charge": charge, "finished_at": ports.clock.now()},
        job={"cost_usd": cost_usd(snapshot) + charge.amount_usd},
        stage=Stage.NOTIFYING,
    )
    snapshot, _ = move(ports.ledger, ports.clock, snapshot, step.run, wanted)
    return going_on(step, snapshot)


def cost_usd(snapshot: Snapshot) -> Decimal:
    """Return the sum of what the attempts and the enhancement are known to have cost."""
    attempts = sum((a.charge.amount_usd for a in snapshot.attempts if a.charge), Decimal(0))
    enhancement = snapshot.job.enhancement
    return attempts + (enhancement.cost_usd if enhancement else Decimal(0))


def charge_of(job: Job, attempt: Attempt, catalogue: Catalogue) -> Charge:
    """Return what a delivered result cost: the vendor's own figure, or what its price list asks."""
    billed = attempt.billed
    if billed is not None and billed.amount_usd is not None:
        return Charge(amount_usd=billed.amount_usd, basis="vendor", billed=billed)
    vendor, model = catalogue.route(attempt.vendor, attempt.model)
    options, _ = resolve_options(job.request, vendor, model)
    listed_usd = model.price_usd(
        resolution=options.resolution, audio=options.audio, duration_s=options.duration_s
    )
    return Charge(amount_usd=listed_usd, basis="catalogue", billed=billed)
