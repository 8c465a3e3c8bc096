"""How a step writes to the ledger: from what is there, and anew when somebody was quicker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.catalogue import Catalogue
from dailies.domain.changes import Change, Draft
from dailies.domain.errors import ConfigurationError, ConflictError, StorageError
from dailies.domain.events import EventType
from dailies.domain.jobs import LIVE_STATES, JobState, Stage
from dailies.domain.ports import Clock, Ledger, Snapshot
from dailies.domain.routing import charged, next_outcome
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.waiting import sweep_at
from dailies.services.measure import measure

ANY_STATE = frozenset(JobState)
"""For facts that must be kept whatever became of the job: a handle, an answer, a stored result."""
_TRIES = 6


@dataclass(frozen=True)
class LedgerPorts:
    """What the steps need that only read and write the ledger."""

    ledger: Ledger
    clock: Clock
    catalogue: Catalogue


Build = Callable[[Snapshot], Draft | None]
"""Makes a change of a snapshot, or None when there is nothing (any more) to change."""


def load(ledger: Ledger, job_id: str) -> Snapshot:
    """Return the job's snapshot; a job that an execution runs for cannot be missing."""
    snapshot = ledger.snapshot(job_id)
    if snapshot is None:
        raise ConfigurationError(f"{job_id} is not in this stage's ledger.")
    return snapshot


def record(ledger: Ledger, snapshot: Snapshot, run: int, build: Build) -> tuple[Snapshot, bool]:
    """Write what `build` makes of the snapshot, reading anew as long as others write in between.

    Returns:
        The newest snapshot, and whether the change was written: False when `build` declined or
        another run owns the job.
    """
    for _ in range(_TRIES):
        if snapshot.job.run != run:
            return snapshot, False
        draft = build(snapshot)
        if draft is None:
            return snapshot, False
        change = with_charged(draft.change(), snapshot)
        try:
            ledger.apply(change)
        except ConflictError:
            snapshot = load(ledger, snapshot.job.job_id)
            continue
        measure(snapshot, change)
        return after(snapshot, change), True
    raise StorageError(f"{snapshot.job.job_id} was written by others {_TRIES} times in a row.")


@dataclass(frozen=True)
class Move:
    """A transition of the newest attempt, told by one event."""

    number: int
    of: frozenset[AttemptState]
    """States it may be in; in any other the move is declined: somebody else has decided."""
    to: AttemptState
    event: EventType | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The event's data; the attempt's number is added."""
    attempt: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """New values of the attempt's other fields."""
    job: Mapping[str, Any] = field(default_factory=dict[str, Any])
    stage: Stage | None = None
    wait_s: float = 0
    """How long the job then waits for a signal."""
    states: frozenset[JobState] = ANY_STATE
    """States in which the job may be. Facts are kept whatever became of it."""
    assets: tuple[Asset, ...] = ()


def move(
    ledger: Ledger, clock: Clock, snapshot: Snapshot, run: int, wanted: Move
) -> tuple[Snapshot, bool]:
    """Record a move; see `record` for what comes back."""

    def build(seen: Snapshot) -> Draft | None:
        attempt = current(seen, wanted.number, wanted.of)
        if attempt is None or seen.job.state not in wanted.states:
            return None
        now = clock.now()
        begun = draft(seen, now, stage=wanted.stage, wait_s=wanted.wait_s, states=wanted.states)
        begun.set(**wanted.job)
        update = {**wanted.attempt, "state": wanted.to}
        begun.write_attempt(attempt.model_copy(update=update), was=attempt.state)
        for asset in wanted.assets:
            begun.asset(asset)
        if wanted.event is not None:
            begun.event(wanted.event, attempt=wanted.number, **wanted.data)
        return begun

    return record(ledger, snapshot, run, build)


def with_charged(change: Change, snapshot: Snapshot) -> Change:
    """Return the change with `charged` as the attempts then stand."""
    attempts = after(snapshot, change).attempts
    spent = charged(attempts, change.after.enhancement)
    return replace(change, after=change.after.model_copy(update={"charged": spent}))


def after(snapshot: Snapshot, change: Change) -> Snapshot:
    """Return the snapshot as it is once `change` is written."""
    attempts = snapshot.attempts
    if (attempt := change.attempt) is not None:
        others = tuple(a for a in attempts if a.number != attempt.number)
        attempts = tuple(sorted((*others, attempt), key=lambda a: a.number))
    return Snapshot(job=change.after, attempts=attempts)


def draft(
    snapshot: Snapshot,
    now: dt.datetime,
    *,
    stage: Stage | None = None,
    wait_s: float = 0,
    states: frozenset[JobState] = LIVE_STATES,
) -> Draft:
    """Begin a step's change: enters `stage`, and says when the sweeper should miss a sign of life.

    Written only while the job is in one of `states`. A cancel that came in between has told an
    event, so that the write fails and the change is built anew.
    """
    job = snapshot.job
    begun = Draft(job=job, now=now, states=states)
    if not job.terminal:
        begun.set(due_at=sweep_at(now, wait_s))
    if stage is not None and stage is not job.stage and not job.terminal:
        begun.set(stage=stage, stage_at=now).event(EventType.STAGE_ENTERED, stage=stage)
    return begun


def current(snapshot: Snapshot, number: int, states: frozenset[AttemptState]) -> Attempt | None:
    """Return the attempt if it is the newest and in one of `states`, else None."""
    attempt = snapshot.current
    return attempt if attempt and attempt.number == number and attempt.state in states else None


def going_on(
    step: StepInput,
    snapshot: Snapshot,
    outcome: Outcome | None = None,
    *,
    wait_s: int = 0,
    seen: int = 0,
) -> StepResult:
    """Return a step's result; without `outcome` the ledger says where to go on."""
    return StepResult(
        job_id=step.job_id,
        run=step.run,
        outcome=outcome or next_outcome(snapshot, step.run),
        attempt=snapshot.job.attempt,
        wait_s=wait_s,
        seen=seen,
    )
