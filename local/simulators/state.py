"""What a vendor remembers, in one place, so that it can be saved and restored whole."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.simulators.shelf import Journal


class Ending(BaseModel):
    """How a task ends, fixed when it is created: its state follows from the clock alone."""

    kind: Literal["succeeded", "failed", "blocked", "canceled"] = "succeeded"
    message: str = ""
    code: int = 0
    filtered: int = 0
    """Google: how many of the videos are withheld."""


class Task(BaseModel):
    """One accepted task."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str
    model: str
    mode: str
    prompt: str
    external_id: str = ""
    """Kling: the external task id; Google: the storage prefix."""
    created_at: float
    duration_s: float
    """From acceptance to the end."""
    ending: Ending = Ending()
    scene: int = 1
    """Which prompt of this vendor's this is, counted from one."""
    attempt: int = 1
    """Which task for this prompt."""
    resolution: str
    aspect_ratio: str
    video_s: int
    audio: bool
    samples: int = 1
    watermark: bool = False
    callback_url: str = ""
    image: bytes = b""
    """The first frame, where it was sent or could be fetched."""
    extra: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What only its own vendor's simulator knows of it; plain JSON."""
    cost_usd: str = "0"

    @property
    def ends_at(self) -> float:
        """Return when the task ends."""
        return self.created_at + self.duration_s

    def done(self, now: float) -> bool:
        """Whether the task has ended at `now`."""
        return now >= self.ends_at

    def billed(self, now: float) -> bool:
        """Whether the vendor has charged for it at `now`: it charges for delivered video only."""
        return (
            self.done(now)
            and self.ending.kind == "succeeded"
            and self.ending.filtered < self.samples
        )


class SentCallback(BaseModel):
    """One callback that was sent, and what became of it."""

    task_id: str
    status: str
    kind: Literal["genuine", "unsigned", "forged"]
    url: str
    sent_at: float
    answer: int | None = None
    """The receiver's HTTP status; None where it gave none."""
    error: str = ""


class VendorState(BaseModel):
    """Everything a vendor's simulator remembers."""

    tasks: dict[str, Task] = Field(default_factory=dict)
    endpoints: dict[str, int] = Field(default_factory=dict)
    """Requests by method and path pattern."""
    calls: dict[str, int] = Field(default_factory=dict)
    """Requests by kind: submit, submit_refused, poll, lookup, cancel, download, token, keys,
    leaked_key."""
    callbacks: list[SentCallback] = Field(default_factory=list)
    submit_times: dict[str, list[float]] = Field(default_factory=dict)
    """Google: when a model was called, for the quota."""


class DuplicateExternalIdError(Exception):
    """The account has used this external id before."""


class TaskStore:
    """The state of one vendor, safe between threads."""

    def __init__(self, journal: Journal | None = None) -> None:
        """Remember nothing, or what the journal holds."""
        self.lock = threading.RLock()
        self._state = VendorState()
        self._calls: Counter[str] = Counter()
        self._endpoints: Counter[str] = Counter()
        self._journal = journal
        self._written: dict[str, str] = {}
        """Each task's row as it stands in the journal, without its image."""
        self._document = ""
        if journal is not None:
            self.restore(_read(journal))
            self._written = {task.id: _row(task) for task in self.all()}

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            self.restore(VendorState())
            self._written = {}
            if self._journal is not None:
                self._journal.clear()
            self.save()

    def save(self) -> None:
        """Write what has changed to the journal, where there is one."""
        with self.lock:
            if self._journal is None:
                return
            for task in self.all():
                self._write(self._journal, task)
            document = self.snapshot().model_dump_json(exclude={"tasks"})
            if document != self._document:
                self._journal.write_document(document)
                self._document = document

    def _write(self, journal: Journal, task: Task) -> None:
        row = _row(task)
        if self._written.get(task.id) != row:
            journal.append(task.model_dump_json())
            self._written[task.id] = row

    def snapshot(self) -> VendorState:
        """Return a copy of everything."""
        with self.lock:
            self._state.calls, self._state.endpoints = dict(self._calls), dict(self._endpoints)
            return self._state.model_copy(deep=True)

    def restore(self, state: VendorState) -> None:
        """Replace everything by a snapshot."""
        with self.lock:
            self._state = state.model_copy(deep=True)
            self._calls, self._endpoints = Counter(state.calls), Counter(state.endpoints)

    def require_new(self, external_id: str) -> None:
        """Raise DuplicateExternalIdError where a task has this external id already."""
        if external_id and self.by_external_id(external_id):
            raise DuplicateExternalIdError(external_id)

    def add(self, task: Task) -> Task:
        """Accept a task: number its scene and attempt, and keep it."""
        with self.lock:
            prompts = list(dict.fromkeys(known.prompt for known in self._state.tasks.values()))
            known_scene = task.prompt in prompts
            task.scene = prompts.index(task.prompt) + 1 if known_scene else len(prompts) + 1
            same = (known.prompt == task.prompt for known in self._state.tasks.values())
            task.attempt = 1 + sum(same)
            self._state.tasks[task.id] = task
            if self._journal is not None:  # before the client hears of it
                self._write(self._journal, task)
            return task

    def get(self, task_id: str) -> Task | None:
        """Return the task with this id."""
        with self.lock:
            return self._state.tasks.get(task_id)

    def by_external_id(self, external_id: str) -> Task | None:
        """Return the task with this external id."""
        with self.lock:
            return next(
                (task for task in self._state.tasks.values() if task.external_id == external_id),
                None,
            )

    def all(self) -> list[Task]:
        """Return the tasks in the order of their creation."""
        with self.lock:
            return list(self._state.tasks.values())

    def count(self, call: str) -> None:
        """Count one request by what it is."""
        with self.lock:
            self._calls[call] += 1

    def count_endpoint(self, endpoint: str) -> None:
        """Count one request by method and path."""
        with self.lock:
            self._endpoints[endpoint] += 1

    def calls(self) -> dict[str, int]:
        """Return the numbers of requests by what they are."""
        with self.lock:
            return dict(self._calls)

    def endpoints(self) -> dict[str, int]:
        """Return the numbers of requests by method and path."""
        with self.lock:
            return dict(self._endpoints)

    def callbacks(self) -> list[SentCallback]:
        """Return the callbacks that were sent, in order."""
        with self.lock:
            return list(self._state.callbacks)

    def record_callback(self, sent: SentCallback) -> None:
        """Keep what became of a callback."""
        with self.lock:
            self._state.callbacks.append(sent)

    def take_quota(self, model: str, *, now: float, per_minute: int | None) -> float | None:
        """Count a call against the minute's quota, or return how many seconds to wait for it."""
        with self.lock:
            recent = [at for at in self._state.submit_times.get(model, []) if at > now - 60]
            if per_minute is not None and len(recent) >= per_minute:
                return recent[0] + 60 - now
            self._state.submit_times[model] = [*recent, now]
            return None


def _row(task: Task) -> str:
    """Return what may change of a task; its image never does, and may be large."""
    return task.model_dump_json(exclude={"image"})


def _read(journal: Journal) -> VendorState:
    tasks = [Task.model_validate_json(row) for row in journal.rows()]
    rest = journal.document() or {}
    return VendorState.model_validate(rest | {"tasks": {task.id: task for task in tasks}})
