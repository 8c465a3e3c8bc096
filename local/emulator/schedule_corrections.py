"""Corrections that put MiniStack's schedules on the same scaled clock as its workflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.emulator.corrections import Correction

_FINEST_TICK_S = 0.25


def schedule_corrections(speed: float) -> list[Correction]:
    """List the corrections of the two services that run schedules."""
    rules, schedules = "ministack.services.eventbridge", "ministack.services.scheduler"
    gap = "schedules run in real time while the workflows' waits are scaled"

    def faster(tick_s: Any) -> float:
        return max(tick_s / speed, _FINEST_TICK_S)

    def scaled(original: Callable[[str], int | None]) -> Callable[[str], float | None]:
        """Shorten the period of a rate() expression."""

        def parse_rate_seconds(expr: str) -> float | None:
            period_s = original(expr)
            return None if period_s is None else period_s / speed

        return parse_rate_seconds

    return [
        Correction(gap, rules, "_parse_rate_seconds", ("expr",), scaled),
        Correction(gap, rules, "_SCHEDULER_TICK_INTERVAL", None, faster),
        Correction(gap, schedules, "_SCHEDULE_TICK_INTERVAL", None, faster),
    ]
