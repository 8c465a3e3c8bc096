"""State `Submit`: the paid call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.submit import SubmitPorts, submit


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: SubmitPorts | None = None
) -> dict[str, Any]:
    """Submit the job's reserved attempt."""
    ports = deps or bootstrap.submit()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return submit(step, ports).model_dump(mode="json")

    return call(serve, event)
