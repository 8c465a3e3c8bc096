"""State `Check`: looks through the video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.check import CheckPorts, check


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: CheckPorts | None = None
) -> dict[str, Any]:
    """Look through the job's video."""
    ports = deps or bootstrap.check()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return check(step, ports).model_dump(mode="json")

    return call(serve, event)
