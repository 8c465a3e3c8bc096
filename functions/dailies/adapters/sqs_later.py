"""The inbox's own queue: brings an object back after a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import aws_call
from dailies.domain.arrivals import Arrival
from dailies.domain.notifications import iso

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_MAX_S = 900


class SqsLater:
    """The Later port; its messages look like S3's own."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def again(self, arrival: Arrival, *, after_s: int) -> None:
        """Look at the arrival's object in so many seconds."""
        obj = {"key": arrival.key, "version-id": arrival.version_id}
        message = {"time": iso(arrival.seen_at), "detail": {"object": obj}}
        with aws_call("SendMessage"):
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=json.dumps(message),
                DelaySeconds=min(after_s, _MAX_S),
            )
