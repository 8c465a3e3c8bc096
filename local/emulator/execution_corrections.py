"""Corrections of how MiniStack's executions start, and of what a stopped one may still do."""

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


def execution_corrections() -> list[Correction]:
    """List the corrections of StartExecution and StopExecution."""
    service = "ministack.services.stepfunctions"
    task = ("state_def", "raw_input", "execution", "ctx")
    wait = ("resource", "input_data", "token", "state_def")
    return [
        Correction(
            "starting a running execution again, with the same input, is refused",
            service,
            "_start_execution",
            ("data",),
            _answer_again,
        ),
        Correction(_GAP, service, "_execute_task", task, _know_the_execution),
        Correction(_GAP, service, "_invoke_resource", ("resource", "input_data"), _refuse_call),
        Correction(_GAP, service, "_invoke_with_callback", wait, _note_wait),
        Correction(_GAP, service, "_stop_execution", ("data",), _end_waits),
        Correction(_GAP, service, "_fail_execution", ("execution", "error", "cause"), _keep_end),
    ]


def _answer_again(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Answer a repeated start of a running execution as the first one was answered."""
    from ministack.services import stepfunctions

    def start_execution(data: Any) -> Any:
        running = _running_twin(data)
        if running is None:
            return original(data)
        answer = {key: running[key] for key in ("executionArn", "startDate")}
        return stepfunctions.json_response(answer)

    return start_execution


def _running_twin(data: Any) -> dict[str, Any] | None:
    """Find the running execution that a start with this name and input would repeat."""
    from ministack.services import stepfunctions

    machine_arn = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", ""))
    if machine_arn is None or not data.get("name"):
        return None
    prefix = machine_arn.replace(":stateMachine:", ":execution:")
    execution = stepfunctions._executions.get(f"{prefix}:{data['name']}")
    if execution is None or execution["status"] != "RUNNING":
        return None
    return execution if execution["input"] == data.get("input", "{}") else None


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
