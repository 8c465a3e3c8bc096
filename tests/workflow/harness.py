"""Runs the definitions in moto's interpreter: real JSONata, real handlers in process, virtual time.

moto reads the wall clock in five places, JSONata not at all, and calls a nested execution by names
that boto3 does not know; each is replaced here and nowhere else (moto 5.2).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import jsonata
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import (
    jitter_strategy_decl,
    retrier_decl,
)
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_sfn,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata

from tests.fakes.time import ManualClock

StateTaskServiceSfn: Any = state_task_service_sfn.StateTaskServiceSfn
REGION = "eu-central-1"
ACCOUNT = "123456789012"
MACHINES = Path(__file__).parents[2] / "state_machines"
_REAL_LIMIT_S = 60
"""No execution takes longer in real time."""
Invoke = Callable[[dict[str, Any]], Any]


def function_arn(name: str) -> str:
    """Return the address of the function behind the placeholder `${<name>FunctionArn}`."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def machine_arn(name: str) -> str:
    """Return the address of the state machine of that name."""
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def function_name(arn: str) -> str:
    """Return what `function_arn` was given."""
    return arn.rpartition(":")[2]


def lambda_error(name: str, message: str = "") -> Exception:
    """Return how a function's error reaches the interpreter: by the name of its class."""
    return lambda_eval_utils.LambdaFunctionErrorException(
        "Unhandled", json.dumps({"errorType": name, "errorMessage": message})
    )


@contextmanager
def interpreter(
    monkeypatch: pytest.MonkeyPatch, *, sleep: Callable[[float], None], invoke: Invoke
) -> Iterator[None]:
    """Let moto execute state machines: `sleep` passes the time, `invoke` does what Lambda does."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(moto_jsonata, "_eval_jsonata", lambda e: jsonata.Jsonata(e).evaluate(None))
    # Full jitter draws from 0 to the delay; here it draws the delay, so that the schedule shows.
    monkeypatch.setattr(
        jitter_strategy_decl, "random", SimpleNamespace(uniform=lambda low, high: high)
    )
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(
        WaitFunction, "_wait_interval", lambda self, env, wait_seconds: sleep(wait_seconds)
    )
    # A task's own limit is real time there: a function's virtual minute must not run into it.
    monkeypatch.setattr(execute_state, "threading", SimpleNamespace(Event=_PatientEvent))
    monkeypatch.setattr(
        lambda_eval_utils,
        "_invoke_lambda_function",
        lambda parameters, region, state_credentials: invoke(parameters),
    )
    _mend_nesting(monkeypatch)
    settings = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    with mock_aws(config=settings):
        yield


def _mend_nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `states:startExecution` reach boto3, whose names begin in lower case; moto forgets it.

    And let its `.sync` wait for the execution alone, not for a token too, whose wait moves the
    clock.
    """
    ask, wait = StateTaskServiceSfn._normalise_parameters, StateTaskServiceSfn._eval_sync

    def waited(self: Any, **named: Any) -> Any:
        return wait(self, **{**named, "callback_endpoint": None})

    def asked(self: Any, parameters: dict[str, Any], *rest: Any, **named: Any) -> None:
        ask(self, parameters, *rest, **named)
        for name in list(parameters):
            parameters[name[0].lower() + name[1:]] = parameters.pop(name)

    def answered(self: Any, response: dict[str, Any], *rest: Any, **named: Any) -> None:
        for name in list(response):
            response[name[0].upper() + name[1:]] = response.pop(name)

    monkeypatch.setattr(StateTaskServiceSfn, "_normalise_parameters", asked)
    monkeypatch.setattr(StateTaskServiceSfn, "_normalise_response", answered)
    monkeypatch.setattr(StateTaskServiceSfn, "_eval_sync", waited)


class _PatientEvent(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(_REAL_LIMIT_S)


def wait_on(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let task-token waits pass on the clock: what is due meanwhile happens, and may wake them."""

    def wait(endpoint: CallbackEndpoint, timeout: float | None = None) -> Any:
        assert timeout is not None
        end_s = clock.monotonic() + timeout
        while endpoint.get_outcome() is None and clock.monotonic() < end_s:
            clock.advance_at_most(end_s - clock.monotonic())
        return endpoint.get_outcome()

    monkeypatch.setattr(CallbackEndpoint, "wait", wait)


def text_of(name: str, substitutions: Mapping[str, str]) -> str:
    """Return a definition with its placeholders filled in, as CloudFormation does."""
    return filled((MACHINES / f"{name}.asl.json").read_text("utf-8"), substitutions)


def filled(text: str, substitutions: Mapping[str, str]) -> str:
    """Return a definition's text with its placeholders filled in."""
    for placeholder, value in substitutions.items():
        text = text.replace(f"${{{placeholder}}}", value)
    assert "${" not in text, "a placeholder without a value"
    return text


def sfn() -> Any:
    """Return a client of the interpreter."""
    return boto3.client("stepfunctions", region_name=REGION)


def create_machine(name: str, text: str) -> str:
    """Create a state machine and return its ARN."""
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    return sfn().create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"]


@dataclass(frozen=True)
class Ended:
    """An execution that has ended."""

    arn: str
    status: str
    error: str
    cause: str
    output: str
    history: list[dict[str, Any]]

    @property
    def visited(self) -> list[str]:
        """The states it entered, in order."""
        entered = (event.get("stateEnteredEventDetails") for event in self.history)
        return [details["name"] for details in entered if details]


def ended(execution_arn: str) -> Ended:
    """Return the execution once it has ended."""
    until = time.monotonic() + _REAL_LIMIT_S
    while (found := sfn().describe_execution(executionArn=execution_arn))["status"] == "RUNNING":
        assert time.monotonic() < until, "The execution did not end."
        time.sleep(0.01)
    return Ended(
        execution_arn,
        found["status"],
        found.get("error", ""),
        found.get("cause", ""),
        found.get("output", ""),
        _history(execution_arn),
    )


def _history(execution_arn: str) -> list[dict[str, Any]]:
    pages = sfn().get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return [event for page in pages for event in page["events"]]
