"""What is wrong with a job at rest: the ledger, held against the vendors' own books."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from bench.faulty.stage import FaultyStage
from dailies.domain.attempts import AMBIGUOUS, HAS_HANDLE, Attempt, AttemptState
from dailies.domain.events import TERMINAL, Event, EventType
from dailies.domain.jobs import Charged, JobState
from dailies.domain.ports import Snapshot
from dailies.domain.routing import result_asset
from local.simulators.state import Task

KINDS = ("lost", "stuck", "paid twice", "unexplained", "webhooks lost")
_END_WITHIN = dt.timedelta(hours=2)
"""After its deadline: what is being fetched then is fetched to its end, and a store that answers
every second time slows the sweeper down."""
_UNSENT = frozenset({AttemptState.REJECTED, AttemptState.ABANDONED})


@dataclass(frozen=True)
class Finding:
    """One thing that must not be."""

    kind: str
    what: str


def audit(stage: FaultyStage, job_id: str) -> list[Finding]:
    """Return everything that is wrong."""
    snapshot = stage.ledger._jobs.get(job_id)
    if snapshot is None:
        return [Finding("lost", "no such job")]
    return list(_Audit(stage, job_id).findings())


class _Audit:
    def __init__(self, stage: FaultyStage, job_id: str) -> None:
        self.stage = stage
        stage.draws.rate = 0
        self.snapshot: Snapshot = stage.snapshot(job_id)
        self.job = self.snapshot.job
        self.events = stage.ledger.events(job_id, limit=100_000)
        self.now = stage.clock.now().timestamp()
        self.books = (
            [
                (name, task)
                for name, vendor in stage.network.by_name.items()
                for task in vendor.tasks
            ]
            if stage.network
            else []
        )

    def findings(self) -> Iterator[Finding]:
        yield from self._lost()
        yield from self._stuck()
        yield from self._paid_twice()
        yield from self._unexplained()
        yield from self._machines()
        yield from self._webhooks()

    def _billed(self) -> list[tuple[str, Task]]:
        return [(name, task) for name, task in self.books if task.billed(self.now)]

    def _attempt(self, task: Task) -> Attempt | None:
        return next((a for a in self.snapshot.attempts if a.attempt_id in task.external_id), None)

    def _lost(self) -> Iterator[Finding]:
        if not self.job.terminal:
            yield Finding("lost", f"no end: {self.job.state}, parked: {self.job.parked}")
        for name, task in self._billed():
            attempt = self._attempt(task)
            if attempt is None:
                continue
            kept = result_asset(self.job, attempt) in self.job.assets
            found = attempt.state is AttemptState.STORED and kept
            findable = attempt.handle is not None or bool(attempt.outputs)
            findable = findable or self._looked_up(name)
            if findable and not found:
                yield Finding("lost", f"{name}'s paid result is not attached: {attempt.state}")

    def _looked_up(self, vendor: str) -> bool:
        return self.stage.catalogue.vendor(vendor).lookup != "none"

    def _stuck(self) -> Iterator[Finding]:
        running = [walk.name for walk in self.stage.walks.values() if not walk.ended]
        if running:
            yield Finding("stuck", f"{len(running)} executions go on")
        late = (self.job.finished_at or self.job.deadline_at) - self.job.deadline_at
        if self.job.terminal and late > _END_WITHIN:
            yield Finding("stuck", f"ended {late} after its deadline")
        if self.job.terminal and self.job.due_at is not None and not self._in_doubt():
            yield Finding("stuck", "the sweeper looks for nothing")

    def _in_doubt(self) -> bool:
        attempt = self.snapshot.current
        return attempt is not None and attempt.state in AMBIGUOUS | HAS_HANDLE

    def _paid_twice(self) -> Iterator[Finding]:
        for attempt in self.snapshot.attempts:
            tasks = [task for _, task in self.books if attempt.attempt_id in task.external_id]
            if len(tasks) > 1:
                yield Finding("paid twice", f"attempt {attempt.number} has {len(tasks)} tasks")
        if len(self._billed()) > 1:
            yield Finding("paid twice", f"{len(self._billed())} paid results")

    def _unexplained(self) -> Iterator[Finding]:
        for _, task in self.books:
            if self._attempt(task) is None:
                yield Finding("unexplained", "a task that no attempt explains")
        for attempt in self.snapshot.attempts:
            yield from self._against_books(attempt)
        if self._billed() and self.job.charged is Charged.NO:
            yield Finding("unexplained", "paid, and the job says that nothing was charged")
        enhanced = self.job.enhancement is not None and self.job.enhancement.cost_usd > 0
        if not self._billed() and not enhanced and self.job.charged is Charged.YES:
            yield Finding("unexplained", "the job says that money was spent, the vendor does not")
        if [event.seq for event in self.events] != list(range(1, self.job.event_seq + 1)):
            yield Finding("unexplained", "the event log has a gap")
        if self.job.terminal:
            yield from self._end_is_told()
        for surprise in self.stage.surprises:
            yield Finding("unexplained", f"error: {surprise}")

    def _against_books(self, attempt: Attempt) -> Iterator[Finding]:
        has_task = any(attempt.attempt_id in task.external_id for _, task in self.books)
        if attempt.state in _UNSENT and has_task:
            yield Finding("unexplained", f"{attempt.state}, and the vendor has it")
        ended = {AttemptState.FAILED, AttemptState.BLOCKED, AttemptState.STORED} | HAS_HANDLE
        if attempt.state in ended and not has_task:
            yield Finding("unexplained", f"{attempt.state}, and the vendor has no such task")

    def _end_is_told(self) -> Iterator[Finding]:
        ends = [event for event in self.events if event.type in TERMINAL]
        if len(ends) != 1 or ends[0].type != f"job.{self.job.state}":
            yield Finding("unexplained", f"{len(ends)} ends were told")
            return
        parked = [e for e in self.events if e.type is EventType.JOB_PARKED]
        alarmed = any(event.data.get("reason") == "charge_unknown" for event in parked)
        if ends[0].data["charged"] == Charged.UNKNOWN and not alarmed:
            yield Finding("unexplained", "an unknown charge without an alarm")

    def _machines(self) -> Iterator[Finding]:
        tasks = self.stage.farm.executions
        working = [name for name, task in tasks.items() if task.status == "RUNNING"]
        if working:
            yield Finding("stuck", f"{len(working)} machines enhance for nobody")
        known = self.job.enhancement
        tries = {one.task.task_id: one for one in known.tries} if known else {}
        for name in tasks:
            if name not in tries:
                yield Finding("unexplained", "a machine worked, and no try explains it")
            elif self.job.terminal and tries[name].charge is None:
                yield Finding("unexplained", "a machine worked, and its try has no cost")
        wanted = self.job.request.enhancement is not None
        if self.job.state is JobState.SUCCEEDED and wanted and known is None:
            yield Finding("lost", "the enhancement was forgotten")
        made = known.asset_id if known else None
        if made is not None and made not in self.job.assets:
            yield Finding("lost", "the enhanced video is not attached")

    def _webhooks(self) -> Iterator[Finding]:
        for event in self._told_always():
            taken = event.event_id in self.stage.receiver.taken
            if not taken and event.event_id not in self.stage.dead_letters:
                yield Finding("webhooks lost", f"{event.type} was never delivered")
        if self.stage.receiver.unsigned:
            yield Finding("webhooks lost", "a webhook with a bad signature")

    def _told_always(self) -> Iterator[Event]:
        for event in self.events:
            if event.type in TERMINAL or event.type is EventType.JOB_LATE_ASSET:
                yield event
