"""Progress of tasks: each message tells of a `progress.json` that was written to the bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.batches import each_record
from dailies.handlers.boundary import LambdaContext
from dailies.services.record_progress import ProgressPorts, record_progress


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: ProgressPorts | None = None
) -> dict[str, Any]:
    """Record the progress that a batch tells of; what could not be recorded comes again."""
    ports = deps or bootstrap.record_progress()

    def work(record: Mapping[str, Any]) -> None:
        # EventBridge gives the key as it is; S3's own notifications would encode it.
        record_progress(json.loads(record["body"])["detail"]["object"]["key"], ports)

    return each_record(event, lambda record: str(record["messageId"]), work)
