"""A run ended other than well: look after its job now. The sweeper would, a minute later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.boundary import LambdaContext, call
from dailies.services.sweep import SweepPorts, look_after


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: SweepPorts | None = None
) -> None:
    """Look after the job that the execution's name begins with (`<job>-<run>`)."""
    ports = deps or bootstrap.execution_ended()
    job_id, _, run = str(event["detail"]["name"]).rpartition("-")
    call(lambda: look_after(job_id, ports, run=int(run)), {"job_id": job_id, "run": run})
