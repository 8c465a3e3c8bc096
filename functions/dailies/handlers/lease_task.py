"""What workers call to claim, renew and release a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.worker_tasks import LeaseRequest
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.lease_task import LeasePorts, lease_task


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: LeasePorts | None = None
) -> dict[str, Any]:
    """Answer one worker."""
    ports = deps or bootstrap.lease_task()

    def serve() -> dict[str, Any]:
        return lease_task(LeaseRequest.model_validate(event), ports).model_dump(mode="json")

    return call(serve, event)
