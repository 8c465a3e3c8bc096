"""Machines that enhance, and fail: each task's ending is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from bench.faulty.draws import Draws
from dailies.domain.ports import ExecutionStatus
from tests.fakes.compute import PLAYS, Farm

_BAD_ENDS = (*PLAYS[1:], "never")


@dataclass
class FaultyFarm(Farm):
    """The Compute port, and the nested executions behind it, drawn from `draws`."""

    draws: Draws = field(default_factory=lambda: Draws(Random(0), 0))  # noqa: S311

    def status(self, task_id: str) -> ExecutionStatus:
        """Describe a task's execution."""
        self.draws.down("DescribeExecution of a task")
        return super().status(task_id)

    def stop(self, task_id: str, cause: str) -> None:
        """Stop a task's execution."""
        self.draws.down("StopExecution of a task")
        super().stop(task_id, cause)

    def _next_play(self) -> str:
        return self.draws.hit("task of enhancement", *_BAD_ENDS) or "ok"
