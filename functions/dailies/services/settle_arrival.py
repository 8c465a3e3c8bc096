"""Settle an arrival: write that it starts nothing, or nothing more."""

from __future__ import annotations

from collections.abc import Iterable

from dailies.domain.arrivals import Arrival, ArrivalState, InputObject
from dailies.services.start_arrival import InboxPorts


def settle_arrival(
    arrival: Arrival, state: ArrivalState, problem: str | None, ports: InboxPorts
) -> Arrival:
    """Write that nothing more happens to an arrival, and return it as it is now."""
    fields = {"state": state, "problem": problem, "due_at": None}
    return ports.arrivals.write(arrival.model_copy(update=fields))


def claim_inputs(arrival: Arrival, inputs: Iterable[InputObject], ports: InboxPorts) -> None:
    """Keep what a job points at from starting a job of its own, where it has not begun one."""
    for one in inputs:
        if one.key == arrival.key:
            continue
        other = ports.arrivals.find(one.key, one.version_id)
        if other is not None and other.state is not ArrivalState.WAITING:
            continue
        used = other or Arrival(
            tenant=arrival.tenant,
            key=one.key,
            version_id=one.version_id,
            state=ArrivalState.USED,
            seen_at=one.modified_at,
        )
        settle_arrival(used, ArrivalState.USED, None, ports)
