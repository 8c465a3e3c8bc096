"""Corrections of what a stopped execution may still do in MiniStack's Step Functions."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from local.emulator.corrections import Correction

_GAP = "a stopped execution retries, takes its token's answer, and may end FAILED after all"
_execution: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "execution", default=None
)
_waits: dict[str, str] = {}
"""Task token -> ARN of the execution that waits for it."""


def stop_corrections() -> list[Correction]:
    """List the corrections that make StopExecution final."""
    service = "ministack.services.stepfunctions"
    task = ("state_def", "raw_input", "execution", "ctx")
    wait = ("resource", "input_data", "token", "state_def")
    return [
        Correction(_GAP, service, "_execute_task", task, _know_the_execution),
        Correction(_GAP, service, "_invoke_resource", ("resource", "input_data"), _refuse_call),
        Correction(_GAP, service, "_invoke_with_callback", wait, _note_wait),
        Correction(_GAP, service, "_stop_execution", ("data",), _end_waits),
        Correction(_GAP, service, "_fail_execution", ("execution", "error", "cause"), _keep_end),
    ]


def _has_stopped() -> bool:
    execution = _execution.get()
    return execution is not None and execution["status"] != "RUNNING"


def _stopped_error() -> Exception:
    """Make the error that unwinds a stopped execution; nobody sees it."""
    from ministack.services import stepfunctions

    return stepfunctions._ExecutionError("States.Runtime", "The execution was stopped")


def _know_the_execution(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let the calls of a task see which execution they belong to."""

    def execute_task(state_def: Any, raw_input: Any, execution: Any, ctx: Any) -> Any:
        outer = _execution.set(execution)
        try:
            return original(state_def, raw_input, execution, ctx)
        finally:
            _execution.reset(outer)

    return execute_task


def _refuse_call(original: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Refuse the next attempt of a task whose execution was stopped."""

    def invoke_resource(resource: str, input_data: Any) -> Any:
        if _has_stopped():
            raise _stopped_error()
        return original(resource, input_data)

    return invoke_resource


def _note_wait(original: Callable[..., Any]) -> Callable[..., Any]:
    """Note which execution waits for a token, so that stopping it ends the wait."""

    def invoke(resource: str, input_data: Any, token: str, state_def: Any) -> Any:
        if _has_stopped():
            raise _stopped_error()
        execution = _execution.get()
        if execution is not None:
            _waits[token] = execution["executionArn"]
        try:
            return original(resource, input_data, token, state_def)
        finally:
            _waits.pop(token, None)

    return invoke


def _end_waits(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take a stopped execution's tokens back: AWS answers TaskDoesNotExist or TaskTimedOut."""
    from ministack.services import stepfunctions

    def stop_execution(data: Any) -> Any:
        response = original(data)
        stopped = data.get("executionArn")
        for token, waiting in list(_waits.items()):
            task = stepfunctions._task_tokens.get(token) if waiting == stopped else None
            if task is not None and stepfunctions._executions[stopped]["status"] == "ABORTED":
                stepfunctions._task_tokens.pop(token, None)
                task["event"].set()
        return response

    return stop_execution


def _keep_end(original: Callable[..., None]) -> Callable[..., None]:
    """Keep the status of an execution that has already ended."""

    def fail_execution(execution: Any, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original(execution, error, cause)

    return fail_execution
