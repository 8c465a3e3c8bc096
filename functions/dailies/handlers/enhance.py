"""State `Enhance`: begins a try of the enhancement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.enhance import EnhancePorts, enhance


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: EnhancePorts | None = None
) -> dict[str, Any]:
    """Say what is to be computed for the job."""
    ports = deps or bootstrap.enhance()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return enhance(step, ports).model_dump(mode="json")

    return call(serve, event)
