"""State `Settle`: records what the result cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.recording import LedgerPorts
from dailies.services.settle import settle


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: LedgerPorts | None = None
) -> dict[str, Any]:
    """Record the charge of the job's result."""
    ports = deps or bootstrap.settle()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return settle(step, ports).model_dump(mode="json")

    return call(serve, event)
