"""Enhancement: the compute that the stage chose, and the way its progress takes to the job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra import grants as to
from infra.enhance_batch import EnhanceBatch
from infra.enhance_sagemaker import EnhanceSagemaker
from infra.enhance_workers import EnhanceWorkers
from infra.environment import Environment, PipelineParts, merge
from infra.media_bucket import ENHANCE
from infra.python_function import PythonFunction
from infra.sink import Sink
from infra.state_machine import StateMachine

_RECORD_S = 15
_MEMORY_MB = 256
_AT_A_TIME = 5
"""Each task writes every few seconds; jobs must not run out of functions for it."""


class Compute(Protocol):
    """What each of the computes has: a workflow that carries out one task."""

    machine: StateMachine

    @property
    def outputs(self) -> Mapping[str, str]:
        """What a person needs to use it, by name of the stack's output."""
        ...


class Enhancement(Construct):
    """The compute's workflow, and RecordProgress."""

    def __init__(
        self, scope: Construct, construct_id: str, *, parts: PipelineParts, state_machines: Path
    ) -> None:
        super().__init__(scope, construct_id)
        self._parts = parts
        self.compute = self._build_compute(state_machines)
        self.workflow = self.compute.machine
        self.progress = Sink(self, "Progress", stage=parts.stage, handling_s=_RECORD_S)
        self.record_progress = self._build_record_progress()
        self.progress.feed(self.record_progress, at_a_time=_AT_A_TIME)
        self._listen()

    def _build_compute(self, state_machines: Path) -> Compute:
        match self._parts.stage.enhance_compute:
            case "batch":
                return EnhanceBatch(self, "Batch", parts=self._parts, state_machines=state_machines)
            case "sagemaker":
                return EnhanceSagemaker(
                    self, "Sagemaker", parts=self._parts, state_machines=state_machines
                )
            case "workers":
                return EnhanceWorkers(
                    self, "Workers", parts=self._parts, state_machines=state_machines
                )

    def _build_record_progress(self) -> PythonFunction:
        parts, env = self._parts, Environment(self._parts)
        return PythonFunction(
            self,
            "RecordProgress",
            sources=parts.sources,
            timeout_s=_RECORD_S,
            memory_mb=_MEMORY_MB,
            environment=merge(env.table, env.bucket),
            grants=[
                to.consume(self.progress.queue),
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.read_objects(parts.bucket, ENHANCE),
                to.tell_missing_objects(parts.bucket),
            ],
        )

    def _listen(self) -> None:
        """Queue each progress object that is written; S3 tells the account's default bus."""
        queue = targets.SqsQueue(self.progress.queue, dead_letter_queue=self.progress.dead_letters)
        work = ENHANCE.removesuffix("*")
        events.Rule(
            self,
            "Written",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._parts.bucket.bucket_name]},
                    "object": {
                        "key": [
                            {"wildcard": f"{work}*/progress.json"},
                            {"wildcard": f"{work}*/progress/*.json"},
                        ]
                    },
                },
            ),
            targets=[cast(events.IRuleTarget, queue)],
        )
