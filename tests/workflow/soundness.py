"""What must hold of a job at rest, whatever happened: the ledger against the vendors' own books."""

from __future__ import annotations

from collections.abc import Sequence

from dailies.domain.attempts import AMBIGUOUS, HAS_HANDLE, Attempt, AttemptState
from dailies.domain.compute_prices import load_compute_prices
from dailies.domain.enhancement import Enhancement, EnhancementState
from dailies.domain.events import TERMINAL, Event, EventType
from dailies.domain.jobs import Charged, JobState
from dailies.domain.ports import Snapshot
from dailies.domain.routing import result_asset
from dailies.services.settle import cost_usd
from tests.fakes.vendor import Task, Vendor
from tests.workflow.stage import Stage

_NEVER_AT_THE_VENDOR = {AttemptState.REJECTED, AttemptState.ABANDONED}


def verdict(stage: Stage, job_id: str) -> str:
    """Return the job's state, its number of paid tasks, and `?` where its charge is not known."""
    job = stage.job(job_id)
    doubt = "?" if job.charged is Charged.UNKNOWN else ""
    enhanced = "e" if job.enhancement and job.enhancement.asset_id else ""
    return f"{job.state} {len(_tasks(stage))}{enhanced}{doubt}"


def assert_sound(stage: Stage, job_id: str) -> None:
    """Assert that nothing is stuck, lost, charged twice or unexplained."""
    snapshot = stage.snapshot(job_id)
    events = stage.ledger.events(job_id, limit=10_000)
    _assert_at_rest(stage, snapshot)
    _assert_paid_once(stage, snapshot)
    _assert_books_agree(stage, snapshot)
    _assert_enhanced(stage, snapshot)
    _assert_told(snapshot, events)
    _assert_order(snapshot, events)


def _tasks(stage: Stage) -> list[tuple[Vendor, Task]]:
    return [(vendor, task) for vendor in stage.vendors.values() for task in vendor.tasks.values()]


def _has_result(vendor: Vendor, task: Task) -> bool:
    return vendor.outcome == "succeed" and vendor.ended(task) and not task.canceled


def _assert_at_rest(stage: Stage, snapshot: Snapshot) -> None:
    job, attempt = snapshot.job, snapshot.current
    assert job.terminal, f"stuck in {job.state}: {attempt and attempt.state}"
    assert all(walk.ended for walk in stage.walks.values()), "an execution goes on"
    open_for_ever = attempt is not None and attempt.state in AMBIGUOUS | HAS_HANDLE
    assert job.due_at is None or open_for_ever, "the sweeper looks for nothing"


def _assert_paid_once(stage: Stage, snapshot: Snapshot) -> None:
    ids = {attempt.attempt_id for attempt in snapshot.attempts}
    for vendor, task in _tasks(stage):
        assert task.external_id in ids, "a task that no attempt explains, or a second one of it"
        assert vendor.name == _of(snapshot, task).vendor
    results = [task for vendor, task in _tasks(stage) if _has_result(vendor, task)]
    assert len(results) <= 1, "paid for two results"
    for task in results:
        attempt = _of(snapshot, task)
        assert attempt.state is AttemptState.STORED, f"a result is lost: {attempt.state}"
        assert result_asset(snapshot.job, attempt) in snapshot.job.assets, "it is not attached"
        assert snapshot.job.charged is Charged.YES
        assert snapshot.job.cost_usd > 0


def _assert_enhanced(stage: Stage, snapshot: Snapshot) -> None:
    job, known = snapshot.job, snapshot.job.enhancement
    working = [name for name, one in stage.farm.executions.items() if one.status == "RUNNING"]
    assert not working, f"machines work for nobody: {working}"
    if job.state is JobState.SUCCEEDED and job.request.enhancement is not None:
        assert known is not None, "the enhancement was forgotten"
    if known is None:
        assert not stage.farm.executions
        return
    assert known.state is not EnhancementState.RUNNING
    assert known.running_task is None
    assert len(known.tries) <= load_compute_prices().max_tries
    assert set(stage.farm.executions) <= {task.task.task_id for task in known.tries}
    assert all(task.charge for task in known.tries), "a try without its cost"
    assert job.cost_usd == cost_usd(snapshot)
    if known.asset_id is not None:
        _assert_enhanced_asset(stage, snapshot, known)
    elif job.state is JobState.SUCCEEDED:
        assert known.failure is not None
        assert known.failure.code in {warning.code for warning in job.warnings}


def _assert_enhanced_asset(stage: Stage, snapshot: Snapshot, known: Enhancement) -> None:
    asset = stage.ledger.asset(known.asset_id or "")
    assert asset is not None, "the enhanced video is not recorded"
    assert stage.media.head(asset.key) is not None, "the enhanced video is not there"
    assert asset.source_asset == known.source_asset
    assert known.asset_id in snapshot.job.assets
    assert known.cost_usd > 0
    assert snapshot.job.charged is Charged.YES


def _of(snapshot: Snapshot, task: Task) -> Attempt:
    return next(a for a in snapshot.attempts if a.attempt_id == task.external_id)


def _assert_books_agree(stage: Stage, snapshot: Snapshot) -> None:
    for attempt in snapshot.attempts:
        task = stage.vendors[attempt.vendor].tasks.get(attempt.attempt_id)
        if attempt.state in _NEVER_AT_THE_VENDOR:
            assert task is None, f"{attempt.state}, and the vendor has it"
        elif attempt.state in {AttemptState.FAILED, AttemptState.BLOCKED, AttemptState.STORED}:
            assert task is not None, f"{attempt.state}, and the vendor has no such task"
        else:
            assert attempt.state in AMBIGUOUS | HAS_HANDLE, f"{attempt.state} at the end"
            assert attempt is snapshot.current or attempt == snapshot.current, "given up in doubt"
            assert snapshot.job.charged is Charged.UNKNOWN
        if attempt.state in HAS_HANDLE:
            assert task is not None


def _assert_told(snapshot: Snapshot, events: Sequence[Event]) -> None:
    assert [event.seq for event in events] == list(range(1, snapshot.job.event_seq + 1))
    ends = [event for event in events if event.type in TERMINAL]
    assert len(ends) == 1
    assert ends[0].type == f"job.{snapshot.job.state}"
    if ends[0].data["charged"] == Charged.UNKNOWN:
        parked = [event for event in events if event.type is EventType.JOB_PARKED]
        assert parked[-1].data["reason"] == "charge_unknown"
    late = [event for event in events if event.type is EventType.JOB_LATE_ASSET]
    assert all(event.seq > ends[0].seq for event in late)
    attached = set(ends[0].data["assets"]).union(*(event.data["assets"] for event in late))
    assert attached == set(snapshot.job.assets), "an asset that nobody was told of"


def _assert_order(snapshot: Snapshot, events: Sequence[Event]) -> None:
    order = [(event.type, event.data.get("attempt")) for event in events]
    for attempt in snapshot.attempts[1:]:
        reserved = order.index((EventType.ATTEMPT_RESERVED, attempt.number))
        ended = (EventType.ATTEMPT_ENDED, attempt.number - 1)
        assert ended in order[:reserved], "failed over from an attempt that had not ended"
    types = [event.type for event in events]
    if EventType.JOB_CANCELING in types:
        after = types[types.index(EventType.JOB_CANCELING) :]
        assert EventType.ATTEMPT_SUBMITTING not in after, "submitted after the cancel"
    submitting = types.count(EventType.ATTEMPT_SUBMITTING)
    assert submitting == sum(attempt.submits for attempt in snapshot.attempts)
