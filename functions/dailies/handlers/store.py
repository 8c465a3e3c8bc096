"""State `Store`: brings the result into our bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call, remaining_s
from dailies.services.store import StorePorts, store


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: StorePorts | None = None
) -> dict[str, Any]:
    """Fetch the job's result."""
    ports = deps or bootstrap.store()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return store(step, ports, remaining_s(context)).model_dump(mode="json")

    return call(serve, event)
