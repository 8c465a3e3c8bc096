"""State `ReadReport` of every `enhance_*` machine: what became of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.enhancement import ComputeTask
from dailies.domain.worker_tasks import TaskObjects
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.read_report import read_report


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: TaskObjects | None = None
) -> dict[str, Any]:
    """Read the report of the step's task."""
    objects = deps or bootstrap.read_report()

    def serve() -> dict[str, Any]:
        return read_report(ComputeTask.model_validate(event), objects).model_dump(mode="json")

    return call(serve, event)
