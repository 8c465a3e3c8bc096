"""State `Notify`: ends a job that has its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.notify import notify
from dailies.services.recording import LedgerPorts


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: LedgerPorts | None = None
) -> dict[str, Any]:
    """End the job of the step."""
    ports = deps or bootstrap.notify()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return notify(step, ports).model_dump(mode="json")

    return call(serve, event)
