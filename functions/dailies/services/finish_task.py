"""Finish task: write down how a worker's task ended, and wake its nested execution."""

from __future__ import annotations

from dataclasses import dataclass

from dailies.domain.ports import Clock
from dailies.domain.worker_tasks import (
    FinishAnswer,
    FinishRequest,
    TaskTokens,
    WorkerTask,
    WorkerTasks,
    WorkerTaskState,
)


@dataclass(frozen=True)
class FinishPorts:
    """What finishing a task needs."""

    tasks: WorkerTasks
    tokens: TaskTokens
    clock: Clock


def finish_task(request: FinishRequest, ports: FinishPorts) -> FinishAnswer:
    """Write the result, then complete the token; a worker that lost the answer asks again.

    The execution may wait no longer: its token is completed all the same, and that is harmless.

    Raises:
        StorageError, ConflictError: try again.
    """
    task = ports.tasks.find(request.task_id)
    if task is None or task.state is WorkerTaskState.LOST:
        return FinishAnswer(state="gone")
    if task.state is WorkerTaskState.OPEN:
        if task.owner != request.worker:
            return FinishAnswer(state="taken")
        task = _finished(task, request, ports)
    ports.tokens.succeed(task.token, {"v": 1, "task_id": task.task_id})
    return FinishAnswer(state="finished")


def _finished(task: WorkerTask, request: FinishRequest, ports: FinishPorts) -> WorkerTask:
    done = task.model_copy(
        update={
            "state": WorkerTaskState.DONE,
            "outcome": request.outcome,
            "finished_at": ports.clock.now(),
            "lease_until": None,
        }
    )
    ports.tasks.write(done)
    return done
