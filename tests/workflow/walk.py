"""Walks a definition state by state, in process and on a virtual clock.

A second reading of ASL beside moto's, small enough to be read: Pass, Task, Choice, Wait, Succeed
and Fail in JSONata, with Assign, Retry, Catch and task-token waits. Fast enough for a matrix of
thousands of cases.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonata

from dailies.domain.errors import ConflictError, StorageError
from tests.fakes.compute import ExecutionAlreadyExists, Farm
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import ManualClock
from tests.fakes.vendor import Killed
from tests.workflow.faults import Faults

Handler = Callable[[Mapping[str, Any]], Any]
_LAMBDAS_OWN = {"TooManyRequests": "Lambda.TooManyRequestsException"}
NESTED = "states:startExecution.sync:2"
TOKEN_WAIT = "dynamodb:updateItem.waitForTaskToken"
MACHINES = Path(__file__).parents[2] / "state_machines"


@cache
def definition(name: str) -> dict[str, Any]:
    """Return a definition as it stands in `state_machines/`."""
    return json.loads((MACHINES / f"{name}.asl.json").read_text("utf-8"))


@cache
def _compiled(text: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(text)


def evaluate(value: Any, bindings: Mapping[str, Any]) -> Any:
    """Evaluate every `{% … %}` in a JSON value."""
    if isinstance(value, Mapping):
        return {k: evaluate(v, bindings) for k, v in value.items()}
    if isinstance(value, list):
        return [evaluate(v, bindings) for v in value]
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    expression = _compiled(value[2:-2].strip())
    frame = expression.create_frame()
    for name, bound in bindings.items():
        frame.bind(name, bound)
    result = expression.evaluate(None, frame)
    if result is None:
        raise AssertionError(f"{value} is undefined: States.QueryEvaluationError")
    return result


class Failure(Exception):
    """A task's error, by the name that ASL sees."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass
class Walk:
    """One execution."""

    name: str
    machine: dict[str, Any]
    input: dict[str, Any]
    handlers: Mapping[str, Handler]
    clock: ManualClock
    ledger: InMemoryLedger
    faults: Faults
    farm: Farm
    state: str = ""
    status: str = "RUNNING"
    error: str = ""
    visited: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    retried: dict[int, int] = field(default_factory=dict)
    resume_at: dt.datetime | None = None
    """Set while it waits."""
    token: str | None = None
    """Set while it waits for a token."""
    nested: str | None = None
    """Name of the nested execution that it waits for."""

    def __post_init__(self) -> None:
        self.state = self.machine["StartAt"]

    @property
    def ended(self) -> bool:
        return self.status != "RUNNING"

    def stop(self) -> None:
        """Do what StopExecution does."""
        if not self.ended:
            self.status, self.resume_at, self.token = "ABORTED", None, None
            nested, self.nested = self.nested, None
            if nested is not None:  # the engine stops what a stopped task waits for
                self.farm.stop(nested, "Its parent was stopped.")

    def wake(self) -> None:
        """Do what SendTaskSuccess does to the waiting task."""
        self.token, self.resume_at = None, None
        self._go(self._spec["Next"])

    def nested_ended(self, status: str) -> None:
        """Do what the end of the nested execution does to the task that waits for it."""
        self.nested, self.resume_at = None, None
        if status == "SUCCEEDED":
            self._go(self._spec["Next"])
        else:
            self._caught(Failure("States.TaskFailed", status))

    def step(self) -> None:
        """Run the current state; a wait that is over ends as a timeout."""
        if self.resume_at is not None:
            timed_out, self.resume_at = bool(self.token or self.nested), None
            if timed_out:
                self.token = self.nested = None
                self._caught(Failure("States.Timeout"))
                return
            if self._spec["Type"] == "Wait":
                self._go(self._spec["Next"])
                return
        else:
            self.visited.append(self.state)
        getattr(self, f"_{self._spec['Type'].lower()}")(self._spec)

    @property
    def _spec(self) -> dict[str, Any]:
        return self.machine["States"][self.state]

    def _bindings(self, **more: Any) -> dict[str, Any]:
        context = {
            "Execution": {"Input": self.input, "Name": self.name},
            "Task": {"Token": f"token-{self.name}-{len(self.visited)}"},
        }
        return {**self.variables, "states": {"input": self.input, "context": context, **more}}

    def _assign(self, spec: Mapping[str, Any], **more: Any) -> None:
        self.variables |= evaluate(spec.get("Assign", {}), self._bindings(**more))

    def _go(self, state: str) -> None:
        self.state, self.retried = state, {}

    def _pass(self, spec: Mapping[str, Any]) -> None:
        self._assign(spec)
        self._go(spec["Next"])

    def _succeed(self, spec: Mapping[str, Any]) -> None:
        self.status = "SUCCEEDED"

    def _fail(self, spec: Mapping[str, Any]) -> None:
        self.status = "FAILED"
        self.error = evaluate(spec["Error"], self._bindings())

    def _choice(self, spec: Mapping[str, Any]) -> None:
        for rule in spec["Choices"]:
            if evaluate(rule["Condition"], self._bindings()) is True:
                self._go(rule["Next"])
                return
        self._go(spec["Default"])

    def _wait(self, spec: Mapping[str, Any]) -> None:
        seconds = evaluate(spec["Seconds"], self._bindings())
        self.resume_at = self.clock.now() + dt.timedelta(seconds=seconds)

    def _task(self, spec: Mapping[str, Any]) -> None:
        arguments = evaluate(spec["Arguments"], self._bindings())
        try:
            if spec["Resource"].endswith(TOKEN_WAIT):
                self._await(arguments, evaluate(spec["TimeoutSeconds"], self._bindings()))
                return
            if spec["Resource"].endswith(NESTED):
                self._nest(arguments, evaluate(spec["TimeoutSeconds"], self._bindings()))
                return
            result = self._invoke(arguments)
        except Failure as failure:
            self._caught(failure)
            return
        self._assign(spec, result={"Payload": result})
        if spec.get("End"):
            self.status = "SUCCEEDED"
        else:
            self._go(spec["Next"])

    def _invoke(self, arguments: Mapping[str, Any]) -> Any:
        if "QueueUrl" in arguments:
            name, payload = arguments["QueueUrl"].strip("${}"), arguments["MessageBody"]
        else:
            name = arguments["FunctionName"].removeprefix("${").removesuffix("FunctionArn}")
            payload = arguments["Payload"]
        event = json.loads(json.dumps(payload))  # what crosses the edge is JSON
        try:
            return json.loads(json.dumps(self.handlers[name](event)))
        except Killed as exc:
            raise Failure("Lambda.Unknown", "killed") from exc
        except Exception as exc:
            raise Failure(_LAMBDAS_OWN.get(type(exc).__name__, type(exc).__name__)) from exc

    def _nest(self, arguments: Mapping[str, Any], timeout_s: int) -> None:
        name = arguments["Name"]
        try:
            with self.faults.during("Compute"):
                self.faults.at("before", "nested execution")
                self.farm.begin(name, json.loads(json.dumps(arguments["Input"])))
                self.faults.at("after", "nested execution")
        except ExecutionAlreadyExists as exc:
            raise Failure("StepFunctions.ExecutionAlreadyExistsException") from exc
        except (Killed, StorageError) as exc:
            raise Failure("StepFunctions.StepFunctionsException") from exc
        self.nested = name
        self.resume_at = self.clock.now() + dt.timedelta(seconds=timeout_s)

    def _await(self, arguments: Mapping[str, Any], timeout_s: int) -> None:
        values = arguments["ExpressionAttributeValues"]
        token = values[":token"]["S"]
        try:
            with self.faults.during("Await"):
                self.ledger.put_token(
                    arguments["Key"]["pk"]["S"].removeprefix("JOB#"),
                    run=int(values[":run"]["N"]),
                    seen=int(values[":seen"]["N"]),
                    token=token,
                )
        except ConflictError as exc:
            raise Failure("DynamoDb.ConditionalCheckFailedException") from exc
        except (Killed, StorageError) as exc:
            raise Failure("DynamoDb.InternalServerErrorException") from exc
        self.token = token
        self.resume_at = self.clock.now() + dt.timedelta(seconds=timeout_s)

    def _caught(self, failure: Failure) -> None:
        spec = self._spec
        for index, retrier in enumerate(spec.get("Retry", [])):
            if _matches(failure.error, retrier["ErrorEquals"]):
                done = self.retried.get(index, 0)
                if done < retrier["MaxAttempts"]:
                    self.retried[index] = done + 1
                    delay_s = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** done
                    delay_s = min(delay_s, retrier.get("MaxDelaySeconds", delay_s))
                    self.resume_at = self.clock.now() + dt.timedelta(seconds=delay_s)
                    return
                break
        for catcher in spec.get("Catch", []):
            if _matches(failure.error, catcher["ErrorEquals"]):
                output = {"Error": failure.error, "Cause": failure.cause}
                self._assign(catcher, errorOutput=output)
                self._go(catcher["Next"])
                return
        self.status, self.error = "FAILED", failure.error


def _matches(error: str, names: list[str]) -> bool:
    return error in names or "States.ALL" in names
