"""Fail task: end the wait for a task whose message came too often: no worker could end it."""

from __future__ import annotations

from dailies.domain.errors import ConflictError
from dailies.domain.worker_tasks import WorkerTaskState
from dailies.services.finish_task import FinishPorts

ERROR = "WorkersGaveUp"
"""By this name the nested execution catches it."""


def fail_task(task_id: str, ports: FinishPorts) -> None:
    """Fail the token of a task, unless a worker holds it or has ended it.

    Raises:
        ConflictError: a worker still holds it: come again when its lease has ended.
        StorageError: try again.
    """
    task = ports.tasks.find(task_id)
    if task is None:
        return
    if task.state is WorkerTaskState.DONE:  # the worker's own call may have been lost half-way
        ports.tokens.succeed(task.token, {"v": 1, "task_id": task_id})
        return
    now = ports.clock.now()
    if task.state is WorkerTaskState.OPEN:
        if task.leased(now):
            raise ConflictError("a worker still holds the task")
        lost = {"state": WorkerTaskState.LOST, "finished_at": now}
        ports.tasks.write(task.model_copy(update=lost))
    cause = f"No worker could end the task; {task.claims} began it. Its report may tell more."
    ports.tokens.fail(task.token, ERROR, cause)
