"""Lease task: give a task to a worker for a while, with URLs for its objects; take it back."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from dailies.domain.errors import ConflictError, InvalidRequestError
from dailies.domain.ports import Clock, Ledger
from dailies.domain.worker_tasks import (
    LeaseAnswer,
    LeaseRequest,
    Method,
    TaskObjects,
    WorkerTask,
    WorkerTasks,
    WorkerTaskState,
    written_once,
)

_TRIES = 4
_URL_LEASES = 15
"""A URL outlives so many leases: a renewal that fails now and then costs no transfer."""


@dataclass(frozen=True)
class LeasePorts:
    """What leasing a task needs."""

    tasks: WorkerTasks
    ledger: Ledger
    objects: TaskObjects
    clock: Clock
    lease_s: int
    max_receives: int
    """How often a message is received before it becomes a dead letter."""
    unsuited_s: int
    """For how long a worker without a GPU leaves a task that demands one to others."""


def lease_task(request: LeaseRequest, ports: LeasePorts) -> LeaseAnswer:
    """Claim, renew or release a task, in one conditional write.

    Raises:
        InvalidRequestError: it asks for an object that is not of this task.
        StorageError, ConflictError: try again.
    """
    for _ in range(_TRIES - 1):
        try:
            return _lease(request, ports)
        except ConflictError:
            continue  # somebody else wrote in between: look again
    return _lease(request, ports)


def _lease(request: LeaseRequest, ports: LeasePorts) -> LeaseAnswer:
    task, now = ports.tasks.find(request.task_id), ports.clock.now()
    if task is None or task.state is not WorkerTaskState.OPEN:
        return LeaseAnswer(state="gone")
    if request.action == "release":
        return _release(task, request, ports)
    if task.held_by_another(request.worker, now):
        return LeaseAnswer(state="taken", wait_s=_seconds_left(task, now))
    if request.action == "renew" and task.owner != request.worker:
        return LeaseAnswer(state="taken")  # it was another's meanwhile, who gave it back
    if not _wanted(task, ports):
        return LeaseAnswer(state="gone")
    if _unsuited(task, request, ports):
        return LeaseAnswer(state="unsuited", wait_s=ports.unsuited_s)
    urls = {method: _urls(method, task, request, ports) for method in ("GET", "PUT")}
    claimed = request.action == "claim"
    ports.tasks.write(
        task.model_copy(
            update={
                "owner": request.worker,
                "lease_until": now + dt.timedelta(seconds=ports.lease_s),
                "claims": task.claims + claimed,
            }
        )
    )
    return LeaseAnswer(state="leased", wait_s=ports.lease_s, get=urls["GET"], put=urls["PUT"])


def _release(task: WorkerTask, request: LeaseRequest, ports: LeasePorts) -> LeaseAnswer:
    if task.owner == request.worker:
        ports.tasks.write(task.model_copy(update={"lease_until": None}))
    return LeaseAnswer(state="released")


def _wanted(task: WorkerTask, ports: LeasePorts) -> bool:
    """Tell whether the job still runs this task: not after a cancel, or once another try began."""
    job = ports.ledger.job(task.job_id)
    running = job.running_task if job else None
    return running is not None and running.task_id == task.task_id


def _unsuited(task: WorkerTask, request: LeaseRequest, ports: LeasePorts) -> bool:
    """Tell whether to leave it to a worker with a GPU; on the last receive it fails loudly."""
    lacking = task.device == "cuda" and request.device != "cuda"
    return lacking and request.action == "claim" and request.receives < ports.max_receives


def _urls(
    method: Method, task: WorkerTask, request: LeaseRequest, ports: LeasePorts
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in request.get if method == "GET" else request.put:
        key = task.key(method, name)
        if key is None:
            raise InvalidRequestError("The worker asks for an object that is not of its task.")
        found[name] = ports.objects.url(
            method, key, expires_s=ports.lease_s * _URL_LEASES, once=written_once(name)
        )
    return found


def _seconds_left(task: WorkerTask, now: dt.datetime) -> int:
    until = task.lease_until
    return max(1, math.ceil((until - now).total_seconds())) if until else 1
