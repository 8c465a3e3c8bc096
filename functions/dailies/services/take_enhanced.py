"""Takes what a task of enhancement brought: its report is the truth, once it has been verified."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from dailies.domain.assets import Asset, AssetKind, MediaFacts
from dailies.domain.compute_prices import ComputeKind, ComputePrices, Machine
from dailies.domain.enhancement import (
    REPORT,
    ComputeCharge,
    Enhancement,
    EnhanceTask,
    TaskFailure,
    TaskState,
)
from dailies.domain.errors import AssetError
from dailies.domain.jobs import Job, JobState, JobWarning
from dailies.domain.media_types import VIDEO_SUFFIXES
from dailies.domain.ports import Compute, ExecutionStatus, MediaStore, Snapshot
from dailies.domain.quality import quality_of
from dailies.domain.steps import Outcome, StepInput, StepResult
from dailies.domain.task_report import MADE, TaskOutput, TaskReport, parse_report
from dailies.domain.worker_tasks import TaskObjects
from dailies.observability import count
from dailies.services.enhance import deadline_passed
from dailies.services.enhancing import end_try
from dailies.services.recording import LedgerPorts, going_on, load

LOOK_AGAIN_S: Final = 30
"""Pause before a task is asked for again whose execution is alive, though we stopped waiting."""
TRY_AGAIN_S: Final = 5
START_PATIENCE: Final = dt.timedelta(minutes=5)
"""For so long a task that is nowhere to be seen is said again: its start was refused for too many
starts, or DescribeExecution, which is eventually consistent, has not heard of it yet. A new try
beside one that runs after all would be paid twice."""
_TYPES: Final = {suffix: content_type for content_type, suffix in VIDEO_SUFFIXES.items()}
_LOST = TaskFailure(code="enhance_lost", message="The machine was lost before it could report.")
_MISSING = TaskFailure(
    code="enhance_result_missing", message="The enhanced video is not what its report says."
)


@dataclass(frozen=True)
class TakeEnhancedPorts(LedgerPorts):
    """What TakeEnhanced needs."""

    media: MediaStore
    objects: TaskObjects
    compute: Compute
    kind: ComputeKind
    """Which compute it is: its prices differ."""
    prices: ComputePrices


def take_enhanced(step: StepInput, ports: TakeEnhancedPorts) -> StepResult:
    """Record how the try under way ended, or say to go on waiting for it.

    A final report counts, whatever became of the nested execution. Without one an execution that
    has ended is a lost try, and a live one goes on, unless nobody wants it any more.

    Raises:
        StorageError: the bucket, the ledger or the engine did not answer.
    """
    snapshot = load(ports.ledger, step.job_id)
    known = snapshot.job.enhancement
    running = known.running_task if known else None
    if snapshot.job.run != step.run or known is None or running is None:
        return going_on(step, snapshot)
    return _Taking(step, ports, snapshot, known, running).run()


@dataclass(frozen=True)
class _Taking:
    step: StepInput
    ports: TakeEnhancedPorts
    snapshot: Snapshot
    enhancement: Enhancement
    running: EnhanceTask

    @property
    def _job(self) -> Job:
        return self.snapshot.job

    def run(self) -> StepResult:
        task = self.running.task
        # The status first: a report may come between the two, but none after the end.
        status = self.ports.compute.status(task.task_id)
        report = self._report()
        if report is not None:
            return self._reported(report)
        if status is ExecutionStatus.ENDED:
            return self._without_report(status, TaskState.LOST, _LOST)
        if self._job.state is not JobState.RUNNING:
            return self._stopped(status, TaskState.CANCELED, None)
        if self.ports.clock.now() >= self._job.deadline_at:
            return self._stopped(status, TaskState.FAILED, deadline_passed())
        waited = self.ports.clock.now() - self.running.started_at
        if status is ExecutionStatus.ABSENT and waited > START_PATIENCE:
            return self._stopped(status, TaskState.LOST, _LOST)
        return going_on(self.step, self.snapshot, Outcome.ENHANCE, wait_s=LOOK_AGAIN_S)

    def _report(self) -> TaskReport | None:
        task = self.running.task
        try:
            found = self.ports.objects.read_json(f"{task.prefix}{REPORT}")
        except AssetError:
            found = None
        return parse_report(found, task.task_id)

    def _reported(self, report: TaskReport) -> StepResult:
        charge = self._charge(report.device.kind, report.timing.paid_s, "measured")
        if report.outcome not in MADE:
            state = TaskState.FAILED
            if self._job.state is JobState.CANCELING:
                state = TaskState.CANCELED
            return self._end(state, report.failure(), charge)
        output = report.output
        head = self.ports.media.head(self.running.output_key)
        if output is None or head is None or head.size_bytes != output.size_bytes:
            count("EnhanceReportsRefused", 1)
            return self._end(TaskState.LOST, _MISSING, charge, again=True)
        asset = self._asset(output, report)
        warnings = [JobWarning(code="enhance_note", message=note) for note in report.notes]
        if report.outcome == "partial_input":
            warnings.append(JobWarning(code="enhance_partial_input", message=report.told))
        return self._end(TaskState.SUCCEEDED, None, charge, asset=asset, warnings=warnings)

    def _stopped(
        self, status: ExecutionStatus, state: TaskState, failure: TaskFailure | None
    ) -> StepResult:
        self.ports.compute.stop(self.running.task.task_id, "Nobody wants its result any more.")
        return self._without_report(status, state, failure)

    def _without_report(
        self, status: ExecutionStatus, state: TaskState, failure: TaskFailure | None
    ) -> StepResult:
        if self._job.state is not JobState.RUNNING:
            state, failure = TaskState.CANCELED, None
        elapsed = self.ports.clock.now() - self.running.started_at
        seconds = 0.0 if status is ExecutionStatus.ABSENT else elapsed.total_seconds()
        device: Machine = "cpu" if self.running.task.device == "cpu" else "cuda"
        charge = self._charge(device, seconds, "elapsed")
        return self._end(state, failure, charge, again=state is TaskState.LOST)

    def _charge(self, device: Machine | None, seconds: float, basis: Any) -> ComputeCharge:
        machine: Machine = device or ("cpu" if self.running.task.device == "cpu" else "cuda")
        return self.ports.prices.charge(self.ports.kind, machine, seconds, basis)

    def _end(
        self,
        state: TaskState,
        failure: TaskFailure | None,
        charge: ComputeCharge,
        *,
        again: bool = False,
        asset: Asset | None = None,
        warnings: list[JobWarning] | None = None,
    ) -> StepResult:
        ended = self.running.model_copy(
            update={
                "state": state,
                "failure": failure,
                "charge": charge,
                "finished_at": self.ports.clock.now(),
            }
        )
        done = len(self.enhancement.tries) - self.enhancement.spent
        goes_on = again and done < self.ports.prices.max_tries
        snapshot = end_try(
            self.step, self.snapshot, ended, self.ports, again=goes_on, asset=asset,
            warnings=warnings,
        )  # fmt: skip
        result = going_on(self.step, snapshot)
        wait_s = TRY_AGAIN_S if result.outcome is Outcome.ENHANCE else 0
        return result.model_copy(update={"wait_s": wait_s})

    def _asset(self, output: TaskOutput, report: TaskReport) -> Asset:
        running, job = self.running, self._job
        source = self.ports.ledger.asset(self.enhancement.source_asset)
        suffix = PurePosixPath(running.output_key).suffix
        now: dt.datetime = self.ports.clock.now()
        return Asset(
            asset_id=running.asset_id,
            tenant=job.tenant,
            kind=AssetKind.OUTPUT,
            job_id=job.job_id,
            key=running.output_key,
            content_type=_TYPES.get(f".{output.container}", _TYPES.get(suffix, "video/mp4")),
            size_bytes=output.size_bytes,
            sha256=output.sha256,
            media=MediaFacts(**output.model_dump(include=set(MediaFacts.model_fields))),
            quality=quality_of(report.analysis),
            source_asset=self.enhancement.source_asset,
            poster_key=source.poster_key if source else None,
            created_at=now,
        )
