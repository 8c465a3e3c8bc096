"""The webhook queue: each message starts one delivery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.ports import DeliveryWorkflow
from dailies.handlers.batches import each_message
from dailies.handlers.boundary import LambdaContext
from dailies.services.start_webhook import start_webhook


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: DeliveryWorkflow | None = None
) -> dict[str, Any]:
    """Start the deliveries of a batch; those that did not start come again."""
    deliveries = deps or bootstrap.start_webhook()
    return each_message(event, lambda ref: start_webhook(ref, deliveries=deliveries))
