"""Corrections of how MiniStack's Step Functions waits for a task."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from local.emulator.corrections import Correction

_COMPUTED_FIELDS = ("TimeoutSeconds", "HeartbeatSeconds")
_BEAT_AT = "beat_at"

State = dict[str, Any]
TaskResult = tuple[Any, str | None]


def workflow_corrections() -> list[Correction]:
    """List the corrections of the Step Functions service."""
    service = "ministack.services.stepfunctions"
    heartbeat = "HeartbeatSeconds of a task-token wait is not enforced"
    return [
        Correction(
            "a computed TimeoutSeconds or HeartbeatSeconds fails the execution",
            service,
            "_execute_task",
            ("state_def", "raw_input", "execution", "ctx"),
            _evaluate_limits,
        ),
        Correction(
            f"{heartbeat}; its TimeoutSeconds does not follow SFN_WAIT_SCALE",
            service,
            "_invoke_with_callback",
            ("resource", "input_data", "token", "state_def"),
            _enforce_limits,
        ),
        Correction(heartbeat, service, "_send_task_heartbeat", ("data",), _note_heartbeat),
    ]


def _evaluate_limits(original: Callable[..., TaskResult]) -> Callable[..., TaskResult]:
    """Evaluate the JSONata of a task's limits before the task runs."""
    from ministack.services import stepfunctions

    def execute_task(state_def: State, raw_input: Any, execution: Any, ctx: Any) -> TaskResult:
        computed = [name for name in _COMPUTED_FIELDS if isinstance(state_def.get(name), str)]
        language = stepfunctions._state_query_language(state_def, ctx)
        if not computed or language != "JSONata":
            return original(state_def, raw_input, execution, ctx)
        try:
            limits = {name: _evaluate(state_def, name, raw_input, ctx) for name in computed}
        except stepfunctions._ExecutionError as error:
            catcher = stepfunctions._find_matching_catcher(state_def.get("Catch", []), error.error)
            if catcher is None:
                raise
            cause = {"Error": error.error, "Cause": error.cause}
            output = stepfunctions._apply_catcher(catcher, raw_input, ctx, language, cause)
            return output, catcher["Next"]
        return original({**state_def, **limits}, raw_input, execution, ctx)

    return execute_task


def _evaluate(state_def: State, field: str, raw_input: Any, ctx: Any) -> int:
    from ministack.services import stepfunctions

    found = stepfunctions._jsonata_state_field(state_def, field, "number", raw_input, ctx)
    value = cast(float, found)
    if not float(value).is_integer() or value < 1:
        raise stepfunctions._ExecutionError(
            "States.QueryEvaluationError",
            f"The {field} field must evaluate to a positive integer but was: {value}",
        )
    return int(value)


def _enforce_limits(original: Callable[..., Any]) -> Callable[..., Any]:
    """Scale a task-token wait's limits as its other waits are, and enforce its heartbeat."""
    from ministack.services import stepfunctions

    def invoke(resource: str, input_data: Any, token: str, state_def: State) -> Any:
        # Read at each wait: it can be changed while the emulator runs.
        scale = stepfunctions._SFN_WAIT_SCALE
        limits = {name: state_def[name] * scale for name in _COMPUTED_FIELDS if name in state_def}
        scaled = {**state_def, **limits}
        if "HeartbeatSeconds" not in scaled:
            return original(resource, input_data, token, scaled)
        ended = threading.Event()
        watch = threading.Thread(
            target=contextvars.copy_context().run,
            args=(_watch_heartbeat, token, scaled["HeartbeatSeconds"], ended),
            daemon=True,
            name="task-heartbeat",
        )
        watch.start()
        try:
            return original(resource, input_data, token, scaled)
        finally:
            ended.set()

    return invoke


def _watch_heartbeat(token: str, heartbeat_s: float, ended: threading.Event) -> None:
    """Fail the task of this token once no heartbeat came for that long."""
    from ministack.services import stepfunctions

    due_at = time.monotonic() + heartbeat_s
    while not ended.wait(max(due_at - time.monotonic(), 0.0)):
        task = stepfunctions._task_tokens.get(token)
        if task is None:
            return
        due_at = task.get(_BEAT_AT, due_at - heartbeat_s) + heartbeat_s
        if time.monotonic() >= due_at:
            # AWS names a missed heartbeat States.Timeout in the execution's history.
            task["error"] = {"Error": "States.Timeout", "Cause": "Task missed its heartbeat"}
            task["event"].set()
            return


def _note_heartbeat(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Note when a heartbeat came, on a clock finer than the whole seconds kept upstream."""
    from ministack.services import stepfunctions

    def send_task_heartbeat(data: Any) -> Any:
        task = stepfunctions._task_tokens.get(data.get("taskToken"))
        if task is not None:
            task[_BEAT_AT] = time.monotonic()
        return original(data)

    return send_task_heartbeat
