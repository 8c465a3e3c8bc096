"""What sees that every job goes on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dailies import settings
from dailies.bootstrap import parts

if TYPE_CHECKING:
    from dailies.domain.ports import (
        EventBus,
    )
    from dailies.services.sweep import SweepPorts


@dataclass(frozen=True)
class SweeperPorts:
    """What the sweeper needs."""

    jobs: SweepPorts
    bus: EventBus


@cache
def sweep() -> SweeperPorts:
    """For the sweeper."""
    env = settings.SweepSettings.read()
    jobs = parts.sweep_ports(env.table_name, env.state_machine_arn, env.enhance_state_machine_arn)
    return SweeperPorts(jobs, parts.bus(env.event_bus_name))


@cache
def execution_ended() -> SweepPorts:
    """For the catch-all rule."""
    env = settings.ExecutionEndedSettings.read()
    return parts.sweep_ports(env.table_name, env.state_machine_arn, env.enhance_state_machine_arn)
