"""State `Fail`: ends a job that cannot succeed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import FailureInput
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.fail import fail
from dailies.services.recording import LedgerPorts


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: LedgerPorts | None = None
) -> dict[str, Any]:
    """End the job of the step, or only its run."""
    ports = deps or bootstrap.fail()

    def serve() -> dict[str, Any]:
        step = FailureInput.model_validate(event)
        return fail(step, ports).model_dump(mode="json")

    return call(serve, event)
