"""How an enhancement ends in the ledger: its state, its cost, its video or its warning."""

from __future__ import annotations

from typing import Any

from dailies.domain.assets import Asset
from dailies.domain.changes import Draft
from dailies.domain.enhancement import (
    Enhancement,
    EnhancementState,
    EnhanceTask,
    TaskFailure,
    TaskState,
)
from dailies.domain.events import EventType
from dailies.domain.jobs import JobState, JobWarning, Progress
from dailies.domain.ports import Snapshot
from dailies.domain.routing import is_enhancing, wants_enhancing
from dailies.domain.steps import StepInput
from dailies.services.recording import ANY_STATE, LedgerPorts, draft, record
from dailies.services.settle import cost_usd


def end_try(
    step: StepInput,
    snapshot: Snapshot,
    ended: EnhanceTask,
    ports: LedgerPorts,
    *,
    again: bool = False,
    asset: Asset | None = None,
    warnings: list[JobWarning] | None = None,
) -> Snapshot:
    """Record how the try under way ended; with `again` the enhancement goes on with another.

    Cost and asset are facts: they are kept whatever became of the job.
    """

    def build(seen: Snapshot) -> Draft | None:
        known = seen.job.enhancement
        running = known.running_task if known else None
        if known is None or running is None or running.task != ended.task:
            return None
        goes_on = again and wants_enhancing(seen)
        noted = known.model_copy(
            update={
                "tries": [*known.tries[:-1], ended],
                **({} if goes_on else _end(ended, asset)),
            }
        )
        return _written(seen, noted, ports, asset=asset, warnings=warnings or [], ended=ended)

    snapshot, _ = record(ports.ledger, snapshot, step.run, build)
    return snapshot


def end_enhancement(
    step: StepInput, snapshot: Snapshot, ports: LedgerPorts, *, failure: TaskFailure, source: str
) -> Snapshot:
    """End an enhancement of which no try is under way, and none can be begun."""

    def build(seen: Snapshot) -> Draft | None:
        if not wants_enhancing(seen):
            return None
        known = seen.job.enhancement or Enhancement(source_asset=source)
        if known.running_task is not None:
            return None
        noted = known.model_copy(update={"state": EnhancementState.FAILED, "failure": failure})
        return _written(seen, noted, ports)

    snapshot, _ = record(ports.ledger, snapshot, step.run, build)
    return snapshot


def close_enhancement(step: StepInput, snapshot: Snapshot, ports: LedgerPorts) -> Snapshot:
    """End an enhancement between two tries that nobody wants any more."""

    def build(seen: Snapshot) -> Draft | None:
        known = seen.job.enhancement
        if known is None or not is_enhancing(seen.job) or known.running_task is not None:
            return None
        noted = known.model_copy(update={"state": EnhancementState.CANCELED})
        return None if wants_enhancing(seen) else _written(seen, noted, ports)

    snapshot, _ = record(ports.ledger, snapshot, step.run, build)
    return snapshot


def _end(ended: EnhanceTask, asset: Asset | None) -> dict[str, Any]:
    if asset is not None:
        return {"state": EnhancementState.DONE, "asset_id": asset.asset_id}
    if ended.state is TaskState.CANCELED:
        return {"state": EnhancementState.CANCELED}
    return {"state": EnhancementState.FAILED, "failure": ended.failure}


def _written(
    seen: Snapshot,
    noted: Enhancement,
    ports: LedgerPorts,
    *,
    asset: Asset | None = None,
    warnings: list[JobWarning] | None = None,
    ended: EnhanceTask | None = None,
) -> Draft:
    job = seen.job
    change = draft(seen, ports.clock.now(), states=ANY_STATE)
    told = [*job.warnings, *(warnings or []), *_warning(seen, noted)]
    after = Snapshot(job.model_copy(update={"enhancement": noted}), seen.attempts)
    change.set(enhancement=noted, warnings=told, cost_usd=cost_usd(after))
    if asset is not None:
        change.asset(asset).set(progress=Progress(fraction=1.0, basis="measured"))
    failure = (ended.failure if ended else None) or noted.failure
    return change.event(
        EventType.ENHANCEMENT_ENDED,
        task_id=ended.task.task_id if ended else "",
        state=ended.state if ended else noted.state,
        code=failure.code if failure else "",
        goes_on=is_enhancing(after.job),
    )


def _warning(seen: Snapshot, noted: Enhancement) -> list[JobWarning]:
    """Return what a caller must know who gets the video as it was."""
    failed = noted.state is EnhancementState.FAILED and noted.failure is not None
    if not failed or noted.failure is None or seen.job.state is not JobState.RUNNING:
        return []
    if not seen.job.request.delivers_unenhanced:
        return []
    message = f"The video is not enhanced. {noted.failure.message}"
    return [JobWarning(code=noted.failure.code, message=message)]
