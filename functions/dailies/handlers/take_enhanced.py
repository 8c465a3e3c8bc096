"""State `TakeEnhanced`: takes the enhanced video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.take_enhanced import TakeEnhancedPorts, take_enhanced


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: TakeEnhancedPorts | None = None
) -> dict[str, Any]:
    """Take what the job's task brought."""
    ports = deps or bootstrap.take_enhanced()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return take_enhanced(step, ports).model_dump(mode="json")

    return call(serve, event)
