"""Enhancement on workers: a queue that any machine can pull from, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants as to
from infra.dead_letter_queue import allow_plain_http, build_dead_letter_queue
from infra.environment import Environment, PipelineParts, merge
from infra.grants import Grant
from infra.media_bucket import ENHANCE, MODELS, OUTPUTS, UPLOADS
from infra.python_function import PythonFunction
from infra.read_report import build_read_report
from infra.state_machine import StateMachine

_CALL_S = 30
_MEMORY_MB = 256
_RECEIVES = 8
"""How often a task's message is received before nobody gets it any more. A worker that finds
another one at work counts too, and so does every machine that is taken away."""
_KEPT_DAYS = 2
"""A task is a job's, which has a deadline of a day at most."""
_LONG_POLL_S = 20
_BATCH_SIZE = 10


class EnhanceWorkers(Construct):
    """QueueTask, LeaseTask, FinishTask, FailTask and ReadReport around one queue.

    `machine` carries out one task; `worker_policy` is all that a worker's credentials need.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, parts: PipelineParts, state_machines: Path
    ) -> None:
        super().__init__(scope, construct_id)
        self._parts = parts
        self._env = Environment(parts)
        self.dead_letters = build_dead_letter_queue(self, "DeadLetters", stage=parts.stage)
        self.queue = self._build_queue()
        self.queue_task = self._build_queue_task()
        self.read_report = build_read_report(self, parts)
        self.machine = StateMachine(
            self,
            "Enhance",
            stage=parts.stage,
            definition=state_machines / "enhance_workers.asl.json",
            tasks=[self.queue_task, self.read_report],
        )
        self.lease_task = self._build_lease_task()
        self.finish_task = self._build_ender("FinishTask")
        self.fail_task = self._build_ender(
            "FailTask",
            to.consume(self.dead_letters),
            to.fail_waits(self.machine.machine.state_machine_arn, parts.stage),
        )
        self._feed_dead_letters()
        self.worker_policy = self._build_worker_policy()

    @property
    def outputs(self) -> Mapping[str, str]:
        """What a person needs to start a worker, by name of the stack's output."""
        return {
            "WorkerQueueUrl": self.queue.queue_url,
            "WorkerPolicyArn": self.worker_policy.managed_policy_arn,
            "LeaseTaskArn": self.lease_task.alias.function_arn,
            "FinishTaskArn": self.finish_task.alias.function_arn,
        }

    def _build_queue(self) -> sqs.Queue:
        stage = self._parts.stage
        queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=stage.tls_only,
            # A worker that dies before it has its lease keeps the message for no longer.
            visibility_timeout=Duration.seconds(stage.worker_lease_s),
            receive_message_wait_time=Duration.seconds(_LONG_POLL_S),
            retention_period=Duration.days(_KEPT_DAYS),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=_RECEIVES
            ),
            removal_policy=stage.removal_policy,
        )
        allow_plain_http(queue, stage)
        return queue

    def _build_queue_task(self) -> PythonFunction:
        parts, env = self._parts, self._env
        return PythonFunction(
            self,
            "QueueTask",
            sources=parts.sources,
            timeout_s=_CALL_S,
            memory_mb=_MEMORY_MB,
            environment=merge(env.table, env.bucket, {"WORKER_QUEUE_URL": self.queue.queue_url}),
            grants=[
                to.read_one_row(parts.table),
                to.write_rows(parts.table),
                to.read_objects(parts.bucket, ENHANCE),
                to.tell_missing_objects(parts.bucket),
                to.send_messages(self.queue),
            ],
        )

    def _build_lease_task(self) -> PythonFunction:
        """Build what signs workers' URLs: a URL can do what its signer may, so this is all."""
        parts, env, stage = self._parts, self._env, self._parts.stage
        own = {
            "LEASE_S": str(stage.worker_lease_s),
            "MAX_RECEIVES": str(_RECEIVES),
            "UNSUITED_S": str(stage.worker_pass_s),
        }
        return PythonFunction(
            self,
            "LeaseTask",
            sources=parts.sources,
            timeout_s=_CALL_S,
            memory_mb=_MEMORY_MB,
            environment=merge(env.table, env.bucket, own),
            grants=[
                to.read_one_row(parts.table),
                to.write_rows(parts.table),
                *(to.read_objects(parts.bucket, p) for p in (UPLOADS, OUTPUTS, MODELS, ENHANCE)),
                *(to.put_objects(parts.bucket, p) for p in (OUTPUTS, ENHANCE)),
                to.tell_missing_objects(parts.bucket),
            ],
        )

    def _build_ender(self, name: str, *grants: Grant) -> PythonFunction:
        parts = self._parts
        return PythonFunction(
            self,
            name,
            sources=parts.sources,
            timeout_s=_CALL_S,
            memory_mb=_MEMORY_MB,
            environment=self._env.table,
            grants=[
                to.read_one_row(parts.table),
                to.write_rows(parts.table),
                to.wake_waits(self.machine.machine.state_machine_arn, parts.stage),
                *grants,
            ],
        )

    def _feed_dead_letters(self) -> None:
        lambda_.EventSourceMapping(
            self,
            "Feed",
            target=self.fail_task.alias,
            event_source_arn=self.dead_letters.queue_arn,
            batch_size=_BATCH_SIZE,
            report_batch_item_failures=True,
        )

    def _build_worker_policy(self) -> iam.ManagedPolicy:
        """Allow what a worker does by itself: no bucket, no table, no token."""
        pull = (
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:ReceiveMessage",
        )
        ask = tuple(f.alias.function_arn for f in (self.lease_task, self.finish_task))
        allowed = [
            Grant(pull, (self.queue.queue_arn,)),
            Grant(("lambda:InvokeFunction",), ask),
        ]
        policy = iam.ManagedPolicy(
            self,
            "WorkerPolicy",
            description=f"Dailies ({self._parts.stage.name}): what an enhancement worker may do",
            statements=[grant.statement() for grant in allowed],
        )
        return policy
