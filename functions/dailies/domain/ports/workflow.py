"""The workflow engine, and what is learned of its waits."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class ExecutionStatus(StrEnum):
    """What became of an execution."""

    RUNNING = "running"
    ENDED = "ended"
    """Whatever its end was: it will write no more."""
    ABSENT = "absent"
    """It was never started."""


class Workflow(Protocol):
    """Starts and wakes executions of the state machine `generate`.

    Raises StorageError when it did not answer.
    """

    def start(self, job_id: str, run: int) -> bool:
        """Start run `run` of a job, named `<job>-<run>`; starting it again is harmless.

        Returns:
            False when the account's start quota is used up: the sweeper starts it later.
        """
        ...

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        """Tell what became of a run."""
        ...

    def stop(self, job_id: str, run: int, cause: str) -> None:
        """Stop a run; harmless when it has ended."""
        ...

    def wake(self, token: str) -> None:
        """End the wait that holds `token`; harmless when it is over already."""
        ...


class Compute(Protocol):
    """Nested executions that carry out tasks of enhancement; each is named by its task id.

    Raises StorageError when it did not answer.
    """

    def status(self, task_id: str) -> ExecutionStatus:
        """Tell what became of a task's execution."""
        ...

    def stop(self, task_id: str, cause: str) -> None:
        """Stop a task's execution; harmless when it has ended, or never was."""
        ...


class LatencyStats(Protocol):
    """Learned durations of generations, by model and options."""

    def q02(self, key: str) -> float | None:
        """Return the learned 2nd percentile in seconds, or None before 30 samples."""
        ...

    def record(self, key: str, seconds: float) -> None:
        """Count one finished generation."""
        ...
