"""The drop folder: objects that arrive start jobs, and the jobs' ends come back as files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants as to
from infra.dead_letter_queue import build_dead_letter_queue
from infra.environment import Environment, PipelineParts, merge
from infra.grants import Grant
from infra.media_bucket import INBOX, OUTBOX, OUTPUTS, QUARANTINE, UPLOADS
from infra.python_function import PythonFunction
from infra.sink import Sink
from infra.state_machine import StateMachine
from infra.sweeper import Sweeper

_INGEST_S = 120
_DELIVER_S = 300
_SWEEP_S = 55
"""Less than the minute between two sweeps."""

_MEMORY_MB = 512
_AT_A_TIME = 10
"""A folder that is flooded must not take the account's functions from everybody else."""

_ENDS = ("job.succeeded", "job.failed", "job.canceled", "job.expired", "job.late_asset")


class Inbox(Construct):
    """IngestUpload, SweepInbox and DeliverOutbox.

    The rule matches what is created below `inbox/`, and no role of ours may write there: what the
    drop folder makes can never start it again.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: PipelineParts,
        workflow: StateMachine,
        bus: events.IEventBus,
    ) -> None:
        super().__init__(scope, construct_id)
        self._parts = parts
        self._env = Environment(parts)
        self._workflow = workflow
        arrivals = Sink(self, "Arrivals", stage=parts.stage, handling_s=_INGEST_S)
        ends = Sink(self, "Ends", stage=parts.stage, handling_s=_DELIVER_S)
        self._listen(arrivals)
        ends.listen(bus, {"type": list(_ENDS)})
        missed = build_dead_letter_queue(self, "DeadLetters", stage=parts.stage)
        queue = arrivals.queue
        self.ingest_upload = self._build_taker(
            "IngestUpload", _INGEST_S, queue, [to.consume(queue)]
        )
        self.sweep_inbox = self._build_taker(
            "SweepInbox",
            _SWEEP_S,
            queue,
            [to.list_due(parts.table), to.list_versions(parts.bucket)],
            missed,
        )
        self.deliver_outbox = self._build_deliver_outbox(ends)
        arrivals.feed(self.ingest_upload, at_a_time=_AT_A_TIME)
        ends.feed(self.deliver_outbox)
        Sweeper(self, "Sweeper", stage=parts.stage, sweep=self.sweep_inbox, dead_letters=missed)

    def _listen(self, arrivals: Sink) -> None:
        """Queue what is created in the inbox: S3 tells the account's default bus."""
        queue = targets.SqsQueue(arrivals.queue, dead_letter_queue=arrivals.dead_letters)
        events.Rule(
            self,
            "Created",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._parts.bucket.bucket_name]},
                    "object": {"key": [{"prefix": INBOX.removesuffix("*")}]},
                },
            ),
            targets=[cast(events.IRuleTarget, queue)],
        )

    def _build_taker(
        self,
        name: str,
        timeout_s: int,
        queue: sqs.IQueue,
        grants: Sequence[Grant],
        dead_letters: sqs.IQueue | None = None,
    ) -> PythonFunction:
        """Build a function that takes objects in: it reads the inbox and writes everywhere else."""
        env, parts, machine = self._env, self._parts, self._workflow
        own = {
            "STATE_MACHINE_ARN": machine.start_arn,
            "INBOX_QUEUE_URL": queue.queue_url,
            "INBOX_DAILY_CAP_USD": str(parts.stage.inbox_daily_cap_usd),
        }
        return PythonFunction(
            self,
            name,
            sources=parts.sources,
            timeout_s=timeout_s,
            memory_mb=_MEMORY_MB,
            environment=merge(env.table, env.bucket, env.offer, own),
            grants=[
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.read_versions(parts.bucket, INBOX),
                to.write_objects(parts.bucket, UPLOADS),
                to.write_objects(parts.bucket, QUARANTINE),
                to.put_objects(parts.bucket, OUTBOX),
                to.tell_missing_objects(parts.bucket),
                to.start_executions(machine.start_arn),
                to.send_messages(queue),
                *grants,
            ],
            dead_letters=dead_letters,
        )

    def _build_deliver_outbox(self, ends: Sink) -> PythonFunction:
        env, parts = self._env, self._parts
        return PythonFunction(
            self,
            "DeliverOutbox",
            sources=parts.sources,
            timeout_s=_DELIVER_S,
            memory_mb=_MEMORY_MB,
            environment=merge(env.table, env.bucket),
            grants=[
                to.consume(ends.queue),
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.read_versions(parts.bucket, OUTPUTS),
                to.write_objects(parts.bucket, OUTBOX),
                to.tell_missing_objects(parts.bucket),
            ],
        )
