"""Enhancement: the compute that the stage chose, and the way its progress takes to the job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra import grants as to
from infra.enhance_workers import EnhanceWorkers
from infra.environment import Environment, PipelineParts, merge
from infra.media_bucket import ENHANCE
from infra.python_function import PythonFunction
from infra.state_machine import StateMachine

_RECORD_S = 15
_MEMORY_MB = 256
_FRESH_S = 60
"""Progress that is older has been overtaken."""


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
        self.record_progress = self._build_record_progress()
        self._listen()

    def _build_compute(self, state_machines: Path) -> Compute:
        return EnhanceWorkers(self, "Workers", parts=self._parts, state_machines=state_machines)

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
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.read_objects(parts.bucket, ENHANCE),
                to.tell_missing_objects(parts.bucket),
            ],
        )

    def _listen(self) -> None:
        """Hand over each progress object; S3 tells the account's default bus.

        A report that is lost is made good by the next one, seconds later: nothing is kept.
        """
        function = targets.LambdaFunction(
            self.record_progress.alias,
            max_event_age=Duration.seconds(_FRESH_S),
            retry_attempts=0,
        )
        work = ENHANCE.removesuffix("*")
        events.Rule(
            self,
            "Progress",
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
            targets=[cast(events.IRuleTarget, function)],
        )
