"""The SNS queue: each message is an event that the topic is told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.batches import each_message
from dailies.handlers.boundary import LambdaContext
from dailies.services.announce import AnnouncePorts, announce


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: AnnouncePorts | None = None
) -> dict[str, Any]:
    """Publish the events of a batch; those that were not taken come again."""
    ports = deps or bootstrap.announce()
    return each_message(event, lambda ref: announce(ref, ports))
