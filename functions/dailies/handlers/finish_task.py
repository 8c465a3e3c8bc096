"""What workers call when a task has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.worker_tasks import FinishRequest
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.finish_task import FinishPorts, finish_task


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: FinishPorts | None = None
) -> dict[str, Any]:
    """Answer one worker."""
    ports = deps or bootstrap.finish_task()

    def serve() -> dict[str, Any]:
        return finish_task(FinishRequest.model_validate(event), ports).model_dump(mode="json")

    return call(serve, event)
