"""The queue that workers pull from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import aws_call

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsTaskQueue:
    """The TaskQueue port. A message's body is the task's id."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, task_id: str) -> None:
        """Add a task's message."""
        with aws_call("SendMessage"):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=task_id)
