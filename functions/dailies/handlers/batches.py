"""Records that come in batches: each stands for itself, and only those that failed come again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import PipelineError
from dailies.observability import bind, logger


def each_message(event: Mapping[str, Any], tell: Callable[[DeliveryRef], None]) -> dict[str, Any]:
    """Call `tell` with the reference in each SQS message; the answer names those that failed."""

    def work(record: Mapping[str, Any]) -> None:
        ref = delivery_ref(record["body"])
        bind(event_id=ref.event_id, job_id=ref.job_id, run=ref.run)
        tell(ref)

    return each_record(event, lambda record: str(record["messageId"]), work)


def each_record(
    event: Mapping[str, Any],
    name_of: Callable[[Mapping[str, Any]], str],
    work: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any]:
    """Do the work of each record; the answer names those that failed, and no other comes again."""
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        bind()
        try:
            work(record)
        except Exception as exc:
            code = exc.code if isinstance(exc, PipelineError) else type(exc).__name__
            logger.error(
                "record", extra={"code": code}, exc_info=not isinstance(exc, PipelineError)
            )
            failed.append({"itemIdentifier": name_of(record)})
    return {"batchItemFailures": failed}


def delivery_ref(body: str) -> DeliveryRef:
    """Return a message's reference: an event from the bus, or what `deliver_webhook` gave up."""
    message = json.loads(body)
    return DeliveryRef.model_validate(message.get("detail", message))
