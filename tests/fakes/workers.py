"""Tasks of workers, in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dailies.domain.enhancement import ComputeTask, task_id, task_prefix
from dailies.domain.errors import AssetError, ConflictError, StorageError
from dailies.domain.worker_tasks import Method, QueueInput, WorkerTask

JOB = "job_01K00000000000000000000001"
TASK = task_id(JOB, 1)
BUCKET = "media"
PREFIX = task_prefix("acme", JOB, TASK)
SOURCE_KEY, OUTPUT_KEY = "uploads/acme/a.mp4", "outputs/acme/job/ast.mp4"
WEIGHTS = "ab" * 32


def compute_task(**changed: Any) -> ComputeTask:
    """Return the input of a nested execution."""
    given = {"task_id": TASK, "job_id": JOB, "bucket": BUCKET, "prefix": PREFIX}
    return ComputeTask.model_validate(given | {"device": "auto", "short": True} | changed)


def queue_input(token: str = "token-1", **changed: Any) -> QueueInput:
    """Return what QueueTask gets."""
    return QueueInput.model_validate(compute_task(**changed).model_dump() | {"token": token})


def spec(**changed: Any) -> dict[str, Any]:
    """Return the spec of the task."""
    return {
        "v": 1,
        "task_id": TASK,
        "source": {"uri": f"s3://{BUCKET}/{SOURCE_KEY}"},
        "output": f"s3://{BUCKET}/{OUTPUT_KEY}",
        "work": f"s3://{BUCKET}/{PREFIX}",
        "stages": [
            {"name": "denoise", "model": "auto"},
            {
                "name": "sr",
                "scale": 2,
                "model": {"uri": f"s3://{BUCKET}/models/acme/x.safetensors", "sha256": WEIGHTS},
            },
        ],
    } | changed


@dataclass
class MemoryTasks:
    """The WorkerTasks port, with the table's own rule for writes."""

    rows: dict[str, WorkerTask] = field(default_factory=dict)
    before_write: Callable[[WorkerTask], None] = lambda task: None

    def find(self, task_id: str) -> WorkerTask | None:
        return self.rows.get(task_id)

    def write(self, task: WorkerTask) -> None:
        self.before_write(task)
        known = self.rows.get(task.task_id)
        if (known.rev if known else 0) != task.rev:
            raise ConflictError("somebody wrote in between")
        self.rows[task.task_id] = task.model_copy(update={"rev": task.rev + 1})


@dataclass
class MemoryQueue:
    """The TaskQueue port."""

    sent: list[str] = field(default_factory=list)
    down: bool = False

    def put(self, task_id: str) -> None:
        if self.down:
            raise StorageError("the queue is down")
        self.sent.append(task_id)


@dataclass
class RecordedTokens:
    """The TaskTokens port."""

    succeeded: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False

    def succeed(self, token: str, output: Mapping[str, object]) -> None:
        self._answer()
        self.succeeded.append((token, dict(output)))

    def fail(self, token: str, error: str, cause: str) -> None:
        self._answer()
        assert cause
        self.failed.append((token, error))

    def _answer(self) -> None:
        if self.down:
            raise StorageError("no answer")


@dataclass
class MemoryObjects:
    """The TaskObjects port; its URLs say what they allow."""

    objects: dict[str, bytes] = field(default_factory=dict)
    bucket: str = BUCKET

    def hold(self, key: str, document: object) -> None:
        self.objects[key] = json.dumps(document).encode()

    def read_json(self, key: str) -> object | None:
        if key not in self.objects:
            return None
        try:
            return json.loads(self.objects[key])
        except ValueError as exc:
            raise AssetError("not_json", "not JSON") from exc

    def url(self, method: Method, key: str, *, expires_s: int, once: bool) -> str:
        return f"{method} {key} {expires_s}{' once' if once else ''}"
