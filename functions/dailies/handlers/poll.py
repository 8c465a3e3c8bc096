"""State `Poll`: asks the vendor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.steps import StepInput
from dailies.handlers.boundary import LambdaContext, call, remaining_s
from dailies.services.poll import PollPorts, poll


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: PollPorts | None = None
) -> dict[str, Any]:
    """Ask how the job's task is."""
    ports = deps or bootstrap.poll()

    def serve() -> dict[str, Any]:
        step = StepInput.model_validate(event)
        return poll(step, ports, remaining_s(context)).model_dump(mode="json")

    return call(serve, event)
