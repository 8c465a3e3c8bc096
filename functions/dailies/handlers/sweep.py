"""Every minute: sees that every job goes on, and that no event stays unpublished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.boundary import LambdaContext, call
from dailies.observability import count
from dailies.services.model_retirements import retiring
from dailies.services.republish import republish
from dailies.services.sweep import sweep

_RETIRING_DAYS = 30


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: bootstrap.SweeperPorts | None = None
) -> dict[str, int]:
    """Look after what is due; the answer counts it."""
    ports = deps or bootstrap.sweep()

    def serve() -> dict[str, int]:
        today = ports.jobs.clock.now().date()
        count("RetiringModels", len(retiring(ports.jobs.catalogue, today, _RETIRING_DAYS)))
        return {
            "jobs": sweep(ports.jobs),
            "events": republish(ports.jobs.ledger, ports.bus, ports.jobs.clock),
        }

    return call(serve, event)
