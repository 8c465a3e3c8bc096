"""The outbox's queue: each message is the end of a job, perhaps of a dropped object's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.batches import each_message
from dailies.handlers.boundary import LambdaContext
from dailies.services.deliver_outbox import OutboxPorts, deliver_outbox


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: OutboxPorts | None = None
) -> dict[str, Any]:
    """Write the files of a batch's jobs; those that could not be written come again."""
    ports = deps or bootstrap.deliver_outbox()
    return each_message(event, lambda ref: deliver_outbox(ref, ports))
