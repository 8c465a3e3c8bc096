"""State `Resolve`: looks up what became of a submit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.resolve import ResolvePorts, resolve


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: ResolvePorts | None = None
) -> dict[str, Any]:
    """Look the job's attempt up at its vendor."""
    ports = deps or bootstrap.resolve()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return resolve(step, ports).model_dump(mode="json")

    return call(serve, event)
