"""The inbox's queue: each message is an object that arrived, or one to look at again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.batches import each_record
from dailies.handlers.boundary import LambdaContext
from dailies.services.ingest_upload import ingest_upload
from dailies.services.start_arrival import InboxPorts


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: InboxPorts | None = None
) -> dict[str, Any]:
    """Take in the objects of a batch; those that could not be come again."""
    ports = deps or bootstrap.ingest_upload()

    def work(record: Mapping[str, Any]) -> None:
        message = json.loads(record["body"])
        # EventBridge gives the key as it is; S3's own notifications would encode it.
        arrived = message["detail"]["object"]
        seen_at = dt.datetime.fromisoformat(message["time"]).astimezone(dt.UTC)
        ingest_upload(arrived["key"], arrived.get("version-id"), ports, seen_at=seen_at)

    return each_record(event, lambda record: str(record["messageId"]), work)
