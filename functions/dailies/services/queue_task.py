"""Queue task: write a task down for workers, and tell them that it is there."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dailies.domain.enhancement import SPEC
from dailies.domain.errors import AssetError
from dailies.domain.ports import Clock
from dailies.domain.worker_tasks import (
    QueueInput,
    TaskEndedError,
    TaskObjects,
    TaskQueue,
    WorkerTask,
    WorkerTasks,
    WorkerTaskState,
)


@dataclass(frozen=True)
class QueuePorts:
    """What queueing a task needs."""

    tasks: WorkerTasks
    objects: TaskObjects
    queue: TaskQueue
    clock: Clock


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Weights(_Loose):
    uri: str
    sha256: str


class _Source(_Loose):
    uri: str


class _Step(_Loose):
    model: _Weights | str | None = None


class _Spec(_Loose):
    """The part of a spec that says which objects a task is about."""

    source: _Source
    output: str
    stages: list[_Step] = Field(default_factory=list[_Step])


def queue_task(asked: QueueInput, ports: QueuePorts) -> None:
    """Write the row, then send the message; a task that is there already gets the new token.

    A message too many does no harm: whoever receives it finds the task leased, or gone.

    Raises:
        TaskEndedError: it ended while nobody waited for it.
        AssetError: the task's spec is missing or names objects that no worker may get.
        StorageError, ConflictError: try again.
    """
    known = ports.tasks.find(asked.task_id)
    if known and known.state is not WorkerTaskState.OPEN:
        raise TaskEndedError("The task has ended already.")
    task = known.model_copy(update={"token": asked.token}) if known else _new(asked, ports)
    ports.tasks.write(task)
    ports.queue.put(task.task_id)


def _new(asked: QueueInput, ports: QueuePorts) -> WorkerTask:
    try:
        spec = _Spec.model_validate(ports.objects.read_json(f"{asked.prefix}{SPEC}"))
    except ValidationError as exc:
        raise AssetError("bad_spec", "The task has no spec that can be read.") from exc
    weights = [step.model for step in spec.stages if isinstance(step.model, _Weights)]
    bucket = ports.objects.bucket
    return WorkerTask(
        task_id=asked.task_id,
        job_id=asked.job_id,
        prefix=asked.prefix,
        device=asked.device,
        source_key=_key(spec.source.uri, bucket),
        output_key=_key(spec.output, bucket),
        models={one.sha256: _key(one.uri, bucket) for one in weights},
        token=asked.token,
        queued_at=ports.clock.now(),
    )


def _key(uri: str, bucket: str) -> str:
    key = uri.removeprefix(f"s3://{bucket}/")
    if key == uri or not key:
        raise AssetError("foreign_object", "The spec names an object outside the media bucket.")
    return key
