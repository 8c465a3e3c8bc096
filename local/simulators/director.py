"""Plays a scenario: says for each occasion what is to go wrong, and remembers what is used up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from local.simulators.scenario import (
    Action,
    Duration,
    Fail,
    Moderation,
    Occasion,
    PartialRai,
    Rule,
    Scenario,
)


@dataclass(frozen=True)
class Subject:
    """What an occasion is about."""

    model: str = ""
    prompt: str = ""
    external_id: str = ""


class Director:
    """Hands out the actions of a scenario and remembers what is used up. Safe between threads."""

    def __init__(self, scenario: Scenario) -> None:
        """Begin the scenario."""
        self._lock = threading.Lock()
        self.load(scenario)

    def load(self, scenario: Scenario) -> None:
        """Begin another scenario from its start."""
        with self._lock:
            self.scenario = scenario
            self._seen = [0] * len(scenario.rules)
            self._used = [0] * len(scenario.rules)

    def fault(self, vendor: str, on: Occasion, subject: Subject) -> Action | None:
        """Return what goes wrong with this call, first rule first, and use it up."""
        found = self._take(vendor, (on,), subject, lambda action: not _decides_end(action), limit=1)
        return found[0] if found else None

    def end(self, vendor: str, subject: Subject) -> Fail | Moderation | PartialRai | None:
        """Return how a new task is to end, where not well."""
        kinds = (Fail, Moderation, PartialRai)
        found = self._take(
            vendor, _END, subject, lambda a: isinstance(a, kinds) and _decides_end(a), limit=1
        )
        return cast("Fail | Moderation | PartialRai", found[0]) if found else None

    def duration_s(self, vendor: str, subject: Subject) -> float | None:
        """Return how long a new task is to take, where the scenario says so."""
        found = self._take(
            vendor, _END, subject, lambda action: isinstance(action, Duration), limit=1
        )
        return cast("Duration", found[0]).seconds if found else None

    def callbacks(self, vendor: str, subject: Subject) -> list[Action]:
        """Return everything that goes wrong with the callbacks of a new task."""
        return self._take(vendor, ("callback",), subject, lambda action: True, limit=None)

    def _take(
        self,
        vendor: str,
        on: tuple[str, ...],
        subject: Subject,
        wanted: Callable[[Action], bool],
        limit: int | None,
    ) -> list[Action]:
        taken: list[Action] = []
        with self._lock:
            for index, rule in enumerate(self.scenario.rules):
                if rule.on not in on or not wanted(rule.do) or not _matches(rule, vendor, subject):
                    continue
                self._seen[index] += 1
                ready = self._seen[index] >= rule.match.nth
                left = rule.times is None or self._used[index] < rule.times
                if ready and left and (limit is None or len(taken) < limit):
                    self._used[index] += 1
                    taken.append(rule.do)
        return taken


_END = ("submit", "finish")


def _decides_end(action: Action) -> bool:
    """Whether the action is about the end of an accepted task, not about the call that makes it."""
    return isinstance(action, Fail | PartialRai | Duration) or (
        isinstance(action, Moderation) and action.when == "after"
    )


def _matches(rule: Rule, vendor: str, subject: Subject) -> bool:
    match = rule.match
    return (
        rule.vendor in (None, vendor)
        and match.model in (None, subject.model)
        and (match.prompt_contains or "") in subject.prompt
        and (match.external_id or "") in subject.external_id
    )
