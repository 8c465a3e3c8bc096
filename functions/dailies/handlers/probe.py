"""State `Probe`: decodes the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.probe import ProbePorts, probe


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: ProbePorts | None = None
) -> dict[str, Any]:
    """Inspect the job's stored result."""
    ports = deps or bootstrap.probe()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return probe(step, ports).model_dump(mode="json")

    return call(serve, event)
