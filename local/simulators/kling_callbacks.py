"""Which callbacks a Kling task sends: one per status change, and what a scenario makes of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Literal

from local.simulators.callbacks import Callback, CallbackWorker, new_webhook_secret
from local.simulators.kling_wire import compact
from local.simulators.scenario import (
    Action,
    CallbackAction,
    DuplicateCallback,
    ForgedCallback,
    LateCallback,
    NoCallback,
    UnsignedCallback,
)
from local.simulators.state import Task

RowAt = Callable[[Task, float, str], dict[str, Any]]
"""Makes a task's row as of a time and with a status."""


def schedule_callbacks(
    worker: CallbackWorker,
    task: Task,
    changes: list[tuple[float, str]],
    row_at: RowAt,
    *,
    secret: str | None,
    faults: list[Action],
) -> None:
    """Schedule a callback for each (time, status) of `changes`, signed if there is a secret."""
    if not task.callback_url:
        return
    for at, status in changes:
        body = _body(task, at, status, row_at)
        _schedule_one(worker, task, at, status, body, secret, _about(faults, status))
    for fault in faults:
        if isinstance(fault, ForgedCallback):
            _schedule_forged(worker, task, row_at, task.created_at + fault.after_s)


def _about(faults: list[Action], status: str) -> list[Action]:
    return [f for f in faults if isinstance(f, CallbackAction) and f.status in (None, status)]


def _body(task: Task, at: float, status: str, row_at: RowAt) -> Callable[[], bytes]:
    return lambda: compact(row_at(task, at, status))


def _schedule_one(
    worker: CallbackWorker,
    task: Task,
    at: float,
    status: str,
    body: Callable[[], bytes],
    secret: str | None,
    faults: list[Action],
) -> None:
    if any(isinstance(fault, NoCallback) for fault in faults):
        return
    unsigned = secret is None or any(isinstance(fault, UnsignedCallback) for fault in faults)
    late_s = sum(fault.seconds for fault in faults if isinstance(fault, LateCallback))
    copies = 1 + sum(fault.count for fault in faults if isinstance(fault, DuplicateCallback))
    kind: Literal["genuine", "unsigned"] = "unsigned" if unsigned else "genuine"
    callback = _callback(task, status, body, None if unsigned else secret, kind)
    for _ in range(copies):
        worker.schedule(at + late_s, callback)


def _schedule_forged(worker: CallbackWorker, task: Task, row_at: RowAt, at: float) -> None:
    output = {"type": "video", "id": "1", "url": "http://192.0.2.1/forged.mp4", "duration": "5.04"}
    row = row_at(task, task.created_at, "succeeded")
    row |= {"task_result": {"videos": [output]}} if "task_id" in row else {"outputs": [output]}
    stranger = new_webhook_secret()
    worker.schedule(at, _callback(task, "succeeded", lambda: compact(row), stranger, "forged"))


def _callback(
    task: Task,
    status: str,
    body: Callable[[], bytes],
    secret: str | None,
    kind: Literal["genuine", "unsigned", "forged"],
) -> Callback:
    return Callback(
        task_id=task.id,
        status=status,
        url=task.callback_url,
        webhook_id=str(secrets.randbelow(9 * 10**9) + 10**9),
        body=body,
        secret=secret,
        kind=kind,
    )
