"""Workers' tasks in the one table: `WORK#<task_id>`/`WORK`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dailies.adapters import dynamodb_rows as rows
from dailies.adapters.aws_errors import aws_call
from dailies.domain.worker_tasks import WorkerTask

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutItemInputTypeDef

    from dailies.adapters.dynamodb_rows import Row

TASKS = rows.Codec(WorkerTask, frozenset({"models"}))
KEPT = dt.timedelta(days=30)
"""Longer than any message of the queue, or of its dead letters, lives."""


class DynamoDbWorkerTasks:
    """The WorkerTasks port on the table `table`."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client

    def find(self, task_id: str) -> WorkerTask | None:
        """Return a task's row (strongly consistent), or None."""
        with aws_call("read a worker's task"):
            answer = self._client.get_item(
                TableName=self._table, Key=_key(task_id), ConsistentRead=True
            )
        item: Any = answer.get("Item")
        return None if item is None else TASKS.decode(item)

    def write(self, task: WorkerTask) -> None:
        """Write the row if nobody else has since it was read."""
        written = task.model_copy(update={"rev": task.rev + 1})
        row = _key(task.task_id) | TASKS.encode(written)
        row["ttl"] = {"N": str(rows.epoch_s(task.queued_at + KEPT))}
        put: PutItemInputTypeDef = {"TableName": self._table, "Item": row}
        if task.rev == 0:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        else:
            put["ConditionExpression"] = "#rev = :rev"
            put["ExpressionAttributeNames"] = {"#rev": "rev"}
            put["ExpressionAttributeValues"] = {":rev": {"N": str(task.rev)}}
        with aws_call("write a worker's task"):
            self._client.put_item(**put)


def _key(task_id: str) -> Row:
    return rows.key(f"WORK#{task_id}", "WORK")
