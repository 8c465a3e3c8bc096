"""A stage on moto: the real definition, handlers, ledger and workflow adapter, on virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
import pytest

from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.adapters.stepfunctions_workflow import StepFunctionsCompute, StepFunctionsWorkflow
from dailies.domain.events import Event
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import Job
from dailies.domain.ports import Snapshot
from dailies.handlers import provider_callback
from dailies.services.cancel_job import cancel_job
from dailies.services.open_run import open_run
from tests.fakes.compute import Farm
from tests.fakes.time import ManualClock
from tests.fakes.vendor import Killed, Task, Vendor, VendorBook
from tests.unit.adapters.conftest import TABLE, create_table
from tests.workflow.harness import (
    REGION,
    Ended,
    create_machine,
    ended,
    filled,
    function_arn,
    function_name,
    interpreter,
    lambda_error,
    machine_arn,
    sfn,
    wait_on,
)
from tests.workflow.stage import creation_of
from tests.workflow.wiring import Context, Wiring, callback_event

STEPS = "Plan Submit Resolve Poll Store Probe Check Enhance TakeEnhanced Settle Notify Fail".split()
_NESTED = {
    "QueryLanguage": "JSONata",
    "StartAt": "Work",
    "States": {
        "Work": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {
                "FunctionName": function_arn("Machine"),
                "Payload": "{% $states.input %}",
            },
            "End": True,
        }
    },
}
"""A compute with one machine."""


class Deployment:
    """One stage; its vendors and its time are the test's."""

    def __init__(self, definition: str) -> None:
        dynamodb = boto3.client("dynamodb", region_name=REGION)
        create_table(dynamodb)
        self.clock = ManualClock()
        self.kling = Vendor("kling", self.clock)
        self.google = Vendor(
            "google", self.clock, lookup_kind="when_done", refuses_duplicates=False
        )
        self.kling.on_created = self._calls_back
        book = VendorBook({"kling": self.kling, "google": self.google})
        self.ledger = DynamoDbLedger(TABLE, dynamodb)
        nested = create_machine("enhance", json.dumps(_NESTED))
        self.compute = StepFunctionsCompute(sfn(), nested)
        self.wiring = Wiring(self.ledger, self.clock, book, compute=self.compute)
        self.farm = Farm(self.clock, self.wiring.media)
        self.functions = {**self.wiring.functions(), "Machine": self._machine}
        self.workflow = StepFunctionsWorkflow(sfn(), create_machine("generate", definition))
        self.platform_errors: dict[str, list[str]] = {}
        """Error names that Lambda answers with first, by function."""
        self.payloads: list[dict[str, Any]] = []

    def _machine(self, task: Mapping[str, Any]) -> None:
        if not self.farm.work(task):
            raise RuntimeError("The machine is lost.")

    def invoke(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Do what Lambda does."""
        name = function_name(parameters["FunctionName"])
        if self.platform_errors.get(name):
            raise lambda_error(self.platform_errors[name].pop(0))
        event = json.loads(parameters["Payload"])
        try:
            answer = json.loads(json.dumps(self.functions[name](event)))
        except Killed as exc:
            raise lambda_error("Lambda.Unknown") from exc
        except Exception as exc:
            raise lambda_error(type(exc).__name__, str(exc)) from exc
        self.payloads += [event, answer]
        return {"StatusCode": 200, "Payload": answer}

    def run(self, *, begin: Callable[[str], None] = lambda job_id: None, **request: Any) -> str:
        """Create a job, run its first execution to the end, and return the job's id."""
        creation = creation_of(self.clock.now(), request)
        job_id = creation.job.job_id
        assert self.ledger.create(creation) is None
        begin(job_id)
        assert self.workflow.start(job_id, 1)
        self.execution(job_id)
        return job_id

    def execution(self, job_id: str, run: int = 1) -> Ended:
        """Return a run once it has ended."""
        machine = self.workflow._arn.replace(":stateMachine:", ":execution:")
        return ended(f"{machine}:{job_id}-{run}")

    def redrive(self, job_id: str) -> None:
        """Open the next run, and let it run to its end."""
        opened = open_run(
            self.snapshot(job_id),
            ledger=self.ledger,
            workflow=self.workflow,
            clock=self.clock,
            automatic=False,
        )
        self.execution(job_id, opened.job.run)

    def cancel(self, job_id: str) -> None:
        cancel_job(
            self.snapshot(job_id),
            ledger=self.ledger,
            workflow=self.workflow,
            compute=self.wiring.compute,
            clock=self.clock,
        )

    def call_back(self, external_id: str, body: str = "terminal") -> None:
        event, ports = callback_event(external_id, body), self.wiring.callback_ports(self.workflow)
        assert provider_callback.handler(event, Context(), ports)["statusCode"] == 204

    def _calls_back(self, task: Task) -> None:
        self.clock.after(self.kling.duration_s, partial(self.call_back, task.external_id))

    def snapshot(self, job_id: str) -> Snapshot:
        snapshot = self.ledger.snapshot(job_id)
        assert snapshot is not None
        return snapshot

    def job(self, job_id: str) -> Job:
        return self.snapshot(job_id).job

    def events(self, job_id: str) -> tuple[Event, ...]:
        return self.ledger.events(job_id, limit=10_000)

    def seen_after_s(self, vendor: Vendor, job_id: str, number: int = 1) -> float:
        """Return how long after a task's end the job went on to store its result."""
        (stored,) = (e for e in self.events(job_id) if e.data.get("stage") == "storing")
        begun = vendor.tasks[attempt_id(job_id, number)].created_at
        return (stored.at - begun).total_seconds() - vendor.duration_s


@contextmanager
def deployment(monkeypatch: pytest.MonkeyPatch, text: str) -> Iterator[Deployment]:
    """Deploy a definition of the state machine `generate` to moto."""
    stages: list[Deployment] = []
    with interpreter(
        monkeypatch,
        sleep=lambda seconds: stages[0].clock.sleep(seconds),
        invoke=lambda parameters: stages[0].invoke(parameters),
    ):
        values = {f"{name}FunctionArn": function_arn(name) for name in STEPS}
        values["EnhanceStateMachineArn"] = machine_arn("enhance")
        stages.append(Deployment(filled(text, {**values, "TableName": TABLE})))
        wait_on(stages[0].clock, monkeypatch)
        yield stages[0]
