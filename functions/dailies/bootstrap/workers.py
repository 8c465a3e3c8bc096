"""Tasks of enhancement, and the workers that pull them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.adapters.aws_clients import client
from dailies.bootstrap import parts

if TYPE_CHECKING:
    from dailies.adapters.dynamodb_worker_tasks import DynamoDbWorkerTasks
    from dailies.adapters.s3_task_objects import S3TaskObjects
    from dailies.services.finish_task import FinishPorts
    from dailies.services.lease_task import LeasePorts
    from dailies.services.queue_task import QueuePorts


@cache
def queue_task() -> QueuePorts:
    """For QueueTask."""
    from dailies.adapters.sqs_task_queue import SqsTaskQueue
    from dailies.services.queue_task import QueuePorts

    env = settings.QueueTaskSettings.read()
    return QueuePorts(
        tasks=_tasks(env.table_name),
        objects=_objects(env.media_bucket),
        queue=SqsTaskQueue(client("sqs"), env.worker_queue_url),
        clock=parts.clock(),
    )


@cache
def lease_task() -> LeasePorts:
    """For LeaseTask."""
    from dailies.services.lease_task import LeasePorts

    env = settings.LeaseTaskSettings.read()
    return LeasePorts(
        tasks=_tasks(env.table_name),
        ledger=parts.ledger(env.table_name),
        objects=_objects(env.media_bucket),
        clock=parts.clock(),
        lease_s=env.lease_s,
        max_receives=env.max_receives,
        unsuited_s=env.unsuited_s,
    )


@cache
def finish_task() -> FinishPorts:
    """For FinishTask."""
    from dailies.adapters.stepfunctions_tokens import StepFunctionsTokens
    from dailies.services.finish_task import FinishPorts

    env = settings.LedgerSettings.read()
    tokens = StepFunctionsTokens(client("stepfunctions"))
    return FinishPorts(tasks=_tasks(env.table_name), tokens=tokens, clock=parts.clock())


fail_task = finish_task


@cache
def read_report() -> S3TaskObjects:
    """For ReadReport."""
    return _objects(settings.ReadReportSettings.read().media_bucket)


def _tasks(table: str) -> DynamoDbWorkerTasks:
    from dailies.adapters.dynamodb_worker_tasks import DynamoDbWorkerTasks

    return DynamoDbWorkerTasks(table, client("dynamodb"))


def _objects(bucket: str) -> S3TaskObjects:
    from dailies.adapters.s3_task_objects import S3TaskObjects

    return S3TaskObjects(client("s3"), bucket)
