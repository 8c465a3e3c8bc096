"""`enhance_sagemaker.asl.json` in moto's interpreter, with a stand-in for the integration.

The stand-in holds every request to botocore's model of `CreateProcessingJob`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest

from dailies.handlers import read_report
from enhance.exits import ExitCode
from infra.enhance_sagemaker import CPU_MACHINE, GPU_MACHINE
from tests.fakes.workers import BUCKET, PREFIX, TASK, MemoryObjects, compute_task
from tests.workflow.computes import Compute, SubmittedJob, processing_jobs
from tests.workflow.harness import (
    ACCOUNT,
    Ended,
    create_machine,
    ended,
    function_arn,
    interpreter,
    lambda_error,
    sfn,
    text_of,
)
from tests.workflow.wiring import Context

SPEC = f"s3://{BUCKET}/{PREFIX}spec.json"
VALUES = {
    "JobRoleArn": f"arn:aws:iam::{ACCOUNT}:role/jobs",
    "GpuImageUri": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/enhance:gpu",
    "CpuImageUri": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/enhance:cpu",
    "GpuMachine": GPU_MACHINE,
    "CpuMachine": CPU_MACHINE,
    "MediaUri": f"s3://{BUCKET}/",
    "ReadReportFunctionArn": function_arn("ReadReport"),
}
MODEL = botocore.session.get_session().get_service_model("sagemaker")


@dataclass
class World:
    """A stage's SageMaker and bucket; `ends` says how containers end, oldest first."""

    ends: list[ExitCode | None] = field(default_factory=list)
    """None: no machine, or it was lost."""
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    compute: Compute = field(init=False)

    def __post_init__(self) -> None:
        self.compute = Compute(self.perform)

    def perform(self, job: SubmittedJob) -> int:
        end = self.ends.pop(0) if self.ends else ExitCode.OK
        if end is None:
            return 1
        self.objects.hold(f"{PREFIX}report.json", {"task_id": TASK, "outcome": end.outcome})
        return int(end)

    def invoke(self, parameters: dict[str, Any]) -> Any:
        try:
            answer = read_report.handler(json.loads(parameters["Payload"]), Context(), self.objects)
        except Exception as exc:
            raise lambda_error(type(exc).__name__, str(exc)) from exc
        return {"StatusCode": 200, "Payload": answer}

    def run(self, **task: Any) -> Ended:
        """Run one task to its end."""
        arn = create_machine("enhance", text_of("enhance_sagemaker", VALUES))
        given = compute_task(**task).model_dump_json()
        started = sfn().start_execution(stateMachineArn=arn, name=TASK, input=given)
        return ended(started["executionArn"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    processing_jobs(made.compute, monkeypatch)
    with interpreter(monkeypatch, sleep=lambda s: None, invoke=made.invoke):
        yield made


def told(run: Ended) -> str:
    """Return the outcome of an execution that succeeded."""
    assert run.status == "SUCCEEDED", (run.error, run.cause)
    return json.loads(run.output)["outcome"]


@pytest.mark.parametrize(
    ("device", "machine", "image"),
    [("auto", GPU_MACHINE, "gpu"), ("cuda", GPU_MACHINE, "gpu"), ("cpu", CPU_MACHINE, "cpu")],
)
@pytest.mark.parametrize("short", [True, False])
def test_task_is_one_job_on_the_right_machine(
    world: World, device: str, machine: str, image: str, short: bool
) -> None:
    assert told(world.run(device=device, short=short)) == "ok"

    (job,) = world.compute.jobs
    assert (job.command, job.machines) == (["all", "--spec", SPEC], machine)
    assert job.definition.endswith(f":{image}")


def test_jobs_are_named_as_the_service_allows(world: World) -> None:
    world.ends = [None]
    world.run()

    shape = MODEL.shape_for("ProcessingJobName")
    names = [job.name for job in world.compute.jobs]
    assert names == [f"{TASK.replace('_', '-')}-0", f"{TASK.replace('_', '-')}-1"]
    for name in names:
        assert re.fullmatch(shape.metadata["pattern"], name)
        assert len(name) <= shape.metadata["max"]


def test_machines_are_ones_that_processing_knows() -> None:
    known = MODEL.shape_for("ProcessingInstanceType").enum

    assert {GPU_MACHINE, CPU_MACHINE} <= set(known)


@pytest.mark.parametrize("end", [ExitCode.PARTIAL_INPUT, ExitCode.BAD_INPUT, ExitCode.INTERNAL])
def test_final_report_ends_it_at_once(world: World, end: ExitCode) -> None:
    world.ends = [end]

    assert told(world.run()) == end.outcome
    assert len(world.compute.jobs) == 1


@pytest.mark.parametrize("lost", [None, ExitCode.INTERRUPTED])
def test_lost_job_gets_a_second_round(world: World, lost: ExitCode | None) -> None:
    world.ends = [lost]

    assert told(world.run()) == "ok"
    assert len(world.compute.jobs) == 2


def test_task_is_lost_after_two_rounds_without_a_report(world: World) -> None:
    world.ends = [None, None]

    run = world.run()

    assert (run.status, run.error) == ("FAILED", "TaskLost")
    assert len(world.compute.jobs) == 2


def test_request_that_does_not_fit_is_noticed(world: World) -> None:
    """The stand-in can fail: a name of the service's model that is missing ends the run."""
    text = text_of("enhance_sagemaker", VALUES).replace('"RoleArn"', '"Role"')
    arn = create_machine("enhance", text)
    given = compute_task().model_dump_json()
    run = ended(sfn().start_execution(stateMachineArn=arn, name=TASK, input=given)["executionArn"])

    assert run.status == "FAILED"
    assert world.compute.jobs == []
