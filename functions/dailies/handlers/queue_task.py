"""State `QueueTask` of `enhance_workers`: hands a task to the workers, and waits for its token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.worker_tasks import QueueInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.queue_task import QueuePorts, queue_task


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: QueuePorts | None = None
) -> None:
    """Queue the task of the step."""
    ports = deps or bootstrap.queue_task()
    call(lambda: queue_task(QueueInput.model_validate(event), ports), event)
