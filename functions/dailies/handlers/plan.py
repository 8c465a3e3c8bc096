"""State `Plan`: routes a job by its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.plan import plan
from dailies.services.recording import LedgerPorts


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: LedgerPorts | None = None
) -> dict[str, Any]:
    """Route the job of the step."""
    ports = deps or bootstrap.plan()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return plan(step, ports).model_dump(mode="json")

    return call(serve, event)
