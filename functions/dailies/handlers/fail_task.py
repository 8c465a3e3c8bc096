"""The dead letters of the workers' queue: each message is a task that no worker could end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.batches import each_record
from dailies.handlers.boundary import LambdaContext
from dailies.services.fail_task import fail_task
from dailies.services.finish_task import FinishPorts


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: FinishPorts | None = None
) -> dict[str, Any]:
    """Fail the tasks of a batch; those that a worker still holds come again."""
    ports = deps or bootstrap.fail_task()
    return each_record(
        event,
        lambda record: str(record["messageId"]),
        lambda record: fail_task(str(record["body"]), ports),
    )
