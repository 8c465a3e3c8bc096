"""Tasks of enhancement that workers pull from a queue: who holds one, and what it may touch.

A message of the queue holds a task's id and nothing else. Everything a worker needs comes with its
lease: for a while the task is its own, and it gets URLs for exactly that task's objects.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dailies.domain.enhancement import PROGRESS, REPORT, SPEC, TASK_ID, ComputeTask
from dailies.domain.errors import PipelineError

SOURCE, OUTPUT, MODELS = "source", "output", "models/"
"""Names of objects that lie outside a task's prefix; weights are `models/<sha256>`."""
_WORK = frozenset({"manifest.json", "plan.json", PROGRESS, REPORT})
_CHUNK = re.compile(r"chunks/[0-9a-f]{64}\.[a-z0-9]{1,8}")

Method = Literal["GET", "PUT"]
TaskId = Annotated[str, StringConstraints(pattern=rf"^{TASK_ID.pattern}$")]
WorkerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
ObjectName = Annotated[str, StringConstraints(max_length=128)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class TaskEndedError(PipelineError):
    """The task ended before it was queued once more: its report says how."""

    code = "task_ended"


class WorkerTaskState(StrEnum):
    """Where a task is."""

    OPEN = "open"
    """It waits for a worker, or has one."""
    DONE = "done"
    """A worker has ended it; its report says how."""
    LOST = "lost"
    """Nobody could: its message came too often."""


class WorkerTask(_Frozen):
    """One row: a task's token, its holder, and the objects it is about."""

    task_id: str
    job_id: str
    prefix: str
    """Of its own objects; ends with `/`."""
    device: Literal["auto", "cuda", "cpu"]
    source_key: str
    output_key: str
    models: dict[str, str] = Field(default_factory=dict[str, str])
    """Keys of the weights it uses, by SHA-256."""
    token: str = Field(repr=False)
    """Of the wait in its nested execution: a bearer credential, never leaves the table."""
    state: WorkerTaskState = WorkerTaskState.OPEN
    queued_at: dt.datetime
    owner: str | None = None
    """The worker that holds it, or held it last."""
    lease_until: dt.datetime | None = None
    """It is nobody else's before; None: it is free."""
    claims: int = 0
    """How often a worker took it up."""
    outcome: str | None = None
    """The worker's word for how it ended."""
    finished_at: dt.datetime | None = None
    rev: int = 0
    """Counts writes; 0 before the first."""

    def held_by_another(self, worker: str, now: dt.datetime) -> bool:
        """Whether somebody else's lease is running."""
        return self.leased(now) and self.owner != worker

    def leased(self, now: dt.datetime) -> bool:
        """Whether a lease is running."""
        return self.lease_until is not None and self.lease_until > now

    def key(self, method: Method, name: str) -> str | None:
        """Return the key of an object that its worker may read or write, or None for any other."""
        if name == OUTPUT:
            return self.output_key
        if name in _WORK or _CHUNK.fullmatch(name):
            return self.prefix + name
        if method == "PUT":
            return None
        if name == SPEC:
            return self.prefix + name
        return self.source_key if name == SOURCE else self.models.get(name.removeprefix(MODELS))


def written_once(name: str) -> bool:
    """Whether an object is named by its content: a second one of the name is never written."""
    return _CHUNK.fullmatch(name) is not None and not name.endswith(".json")


class QueueInput(ComputeTask):
    """What the state QueueTask gets: the task, and the token that ends its wait."""

    token: str = Field(repr=False)


class LeaseRequest(BaseModel):
    """What a worker asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    task_id: TaskId
    worker: WorkerName
    """Chosen by the worker, another one at each start."""
    action: Literal["claim", "renew", "release"]
    device: Literal["cuda", "cpu"] = "cpu"
    """The best that it has."""
    receives: int = Field(default=1, ge=1)
    """How often the message has been received, as SQS counts."""
    get: list[ObjectName] = Field(default_factory=list, max_length=64)
    """Objects that it wants to read."""
    put: list[ObjectName] = Field(default_factory=list, max_length=64)
    """… and to write."""


class LeaseAnswer(_Frozen):
    """What it gets. Times are durations: its clock may be wrong."""

    v: Literal[1] = 1
    state: Literal["leased", "taken", "unsuited", "gone", "released"]
    """`taken`: another worker holds it. `unsuited`: it wants a GPU, and another worker may have
    one. `gone`: nobody needs it any more. In the last case alone its message may be deleted."""
    wait_s: int = 0
    """Of the lease; or until the message is worth another look."""
    get: dict[str, str] = Field(default_factory=dict[str, str], repr=False)
    """URLs by name."""
    put: dict[str, str] = Field(default_factory=dict[str, str], repr=False)


class FinishRequest(BaseModel):
    """How a worker's task ended. Its report is written by then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    task_id: TaskId
    worker: WorkerName
    outcome: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]


class FinishAnswer(_Frozen):
    """Whether it counts. Either way the message has done its work, unless it is `taken`."""

    v: Literal[1] = 1
    state: Literal["finished", "taken", "gone"]


class ReportAnswer(_Frozen):
    """What a task's report says: output of the nested execution."""

    v: Literal[1] = 1
    task_id: str
    outcome: str
    """`unknown` where there is no final report."""


class WorkerTasks(Protocol):
    """The rows. Every method raises StorageError when the store did not answer."""

    def find(self, task_id: str) -> WorkerTask | None:
        """Return a task's row (strongly consistent), or None."""
        ...

    def write(self, task: WorkerTask) -> None:
        """Write the row if nobody else has since it was read.

        Raises:
            ConflictError: somebody has.
        """
        ...


class TaskQueue(Protocol):
    """What workers pull from."""

    def put(self, task_id: str) -> None:
        """Add a task's message.

        Raises:
            StorageError: it may not have been added.
        """
        ...


class TaskTokens(Protocol):
    """Ends waits of the nested executions; harmless when a wait is over already.

    Raises StorageError when the engine did not answer.
    """

    def succeed(self, token: str, output: Mapping[str, object]) -> None:
        """End the wait well."""
        ...

    def fail(self, token: str, error: str, cause: str) -> None:
        """End the wait badly."""
        ...


class TaskObjects(Protocol):
    """A task's objects in the media bucket."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        ...

    def read_json(self, key: str) -> object | None:
        """Return a small JSON document, or None where there is none.

        Raises:
            StorageError: the bucket did not answer.
            AssetError: it is not JSON (`not_json`).
        """
        ...

    def url(self, method: Method, key: str, *, expires_s: int, once: bool) -> str:
        """Return a signed URL for one object; with `once` it writes only what is not there yet."""
        ...
