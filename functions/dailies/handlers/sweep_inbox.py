"""Every minute: goes on with what waits in the drop folder, and finds what nobody told us of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.boundary import LambdaContext, call, remaining_s
from dailies.services.start_arrival import InboxPorts
from dailies.services.sweep_inbox import sweep_inbox


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: InboxPorts | None = None
) -> dict[str, int]:
    """Look after the drop folder; the answer counts what was seen."""
    ports = deps or bootstrap.sweep_inbox()
    return call(lambda: sweep_inbox(ports, remaining_s=remaining_s(context)), event)
