"""The table's stream: events that entered the outbox go to the bus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.batches import each_record
from dailies.handlers.boundary import LambdaContext
from dailies.observability import bind
from dailies.services.publish import PublishPorts, publish_row


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: PublishPorts | None = None
) -> dict[str, Any]:
    """Publish the events of a stream batch; those that failed come again."""
    ports = deps or bootstrap.publish()

    def work(record: Mapping[str, Any]) -> None:
        row = record["dynamodb"]["NewImage"]
        job_id, seq = row["job_id"]["S"], int(row["seq"]["N"])
        bind(job_id=job_id, event_id=row["event_id"]["S"])
        publish_row(job_id, seq, ports)

    return each_record(event, lambda record: str(record["dynamodb"]["SequenceNumber"]), work)
