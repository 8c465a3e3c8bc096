"""`enhance_batch.asl.json` in moto's interpreter, Batch and S3; containers are scripted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from dailies.adapters.s3_task_objects import S3TaskObjects
from dailies.handlers import read_report
from enhance.exits import ExitCode
from tests.fakes.workers import BUCKET, PREFIX, TASK, compute_task
from tests.workflow.computes import Compute, SubmittedJob, batch_jobs, documents
from tests.workflow.harness import (
    ACCOUNT,
    REGION,
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
GPU_MACHINES, CPU_MACHINES = 4, 2
MACHINES = {"GpuMachines": str(GPU_MACHINES), "CpuMachines": str(CPU_MACHINES)}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


@dataclass
class World:
    """A stage's Batch and bucket; `ends` says how containers end, by command, oldest first."""

    chunks: int = 1
    machines: int = GPU_MACHINES
    ends: dict[str, list[ExitCode | None]] = field(default_factory=dict)
    """None: the machine never came, or was lost."""
    compute: Compute = field(init=False)

    def __post_init__(self) -> None:
        self.compute = Compute(self.perform)

    def build(self) -> str:
        """Create bucket, queues and definitions, and return the machine's ARN."""
        boto3.client("s3", region_name=REGION).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        arns = {f"{name}QueueArn": _queue(name) for name in ("Spot", "OnDemand", "Cpu")}
        definitions = {f"{n}JobDefinitionArn": _definition(n) for n in ("Gpu", "Cpu")}
        read = {"ReadReportFunctionArn": function_arn("ReadReport")}
        uri = {"MediaUri": f"s3://{BUCKET}/"}
        machines = MACHINES | {"GpuMachines": str(self.machines)}
        text = text_of("enhance_batch", arns | definitions | machines | read | uri)
        return create_machine("enhance", text)

    def perform(self, job: SubmittedJob) -> int:
        """Do what the container does."""
        planned = self.ends.get(job.step, [])
        end = planned.pop(0) if planned else ExitCode.OK
        if end is None:
            return 1
        if job.step == "plan" and end is ExitCode.OK:
            self.put("plan.json", {"v": 1, "chunks": self.chunks, "short": False, "estimate": {}})
        if job.step in {"assemble", "all"} or (job.step == "plan" and end is not ExitCode.OK):
            self.put("report.json", {"v": 1, "task_id": TASK, "outcome": end.outcome})
        return int(end)

    def put(self, name: str, content: dict[str, Any]) -> None:
        boto3.client("s3", region_name=REGION).put_object(
            Bucket=BUCKET, Key=PREFIX + name, Body=json.dumps(content).encode()
        )

    def invoke(self, parameters: dict[str, Any]) -> Any:
        objects = S3TaskObjects(boto3.client("s3", region_name=REGION), BUCKET)
        try:
            answer = read_report.handler(json.loads(parameters["Payload"]), Context(), objects)
        except Exception as exc:
            raise lambda_error(type(exc).__name__, str(exc)) from exc
        return {"StatusCode": 200, "Payload": answer}

    def run(self, **task: Any) -> Ended:
        """Run one task to its end."""
        arn = self.build()
        given = compute_task(**task).model_dump_json()
        started = sfn().start_execution(stateMachineArn=arn, name=TASK, input=given)
        return ended(started["executionArn"])

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Which commands ran, and from which queue."""
        return [(job.step, job.machines) for job in self.compute.jobs]


def _queue(name: str) -> str:
    batch = boto3.client("batch", region_name=REGION)
    environment = batch.create_compute_environment(
        computeEnvironmentName=name, type="UNMANAGED", serviceRole=_role()
    )["computeEnvironmentArn"]
    return batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        state="ENABLED",
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )["jobQueueArn"]


def _role() -> str:
    iam = boto3.client("iam", region_name=REGION)
    try:
        return iam.get_role(RoleName="batch")["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        return iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]


def _definition(name: str) -> str:
    return boto3.client("batch", region_name=REGION).register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={"image": "enhance", "vcpus": 1, "memory": 512},
    )["jobDefinitionArn"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    batch_jobs(made.compute, monkeypatch)
    with interpreter(monkeypatch, sleep=lambda s: None, invoke=made.invoke):
        documents(monkeypatch)
        yield made


def told(run: Ended) -> str:
    """Return the outcome of an execution that succeeded."""
    assert run.status == "SUCCEEDED", (run.error, run.cause)
    answer = json.loads(run.output)
    assert (answer["v"], answer["task_id"]) == (1, TASK)
    return answer["outcome"]


@pytest.mark.parametrize(
    ("device", "queue", "definition"),
    [("auto", "Spot", "Gpu"), ("cuda", "Spot", "Gpu"), ("cpu", "Cpu", "Cpu")],
)
def test_little_work_is_one_job_on_the_right_machines(
    world: World, device: str, queue: str, definition: str
) -> None:
    assert told(world.run(device=device)) == "ok"

    (job,) = world.compute.jobs
    assert (job.name, job.command) == (f"{TASK}-all", ["all", "--spec", SPEC])
    assert (job.machines, job.definition, job.size) == (queue, f"{definition}:1", 1)


@pytest.mark.parametrize(
    ("device", "chunks", "size"),
    [("auto", 2, 2), ("auto", 3, 3), ("auto", 100, GPU_MACHINES), ("cpu", 100, CPU_MACHINES)],
)
def test_much_work_is_planned_spread_and_joined(
    world: World, device: str, chunks: int, size: int
) -> None:
    world.chunks = chunks

    assert told(world.run(short=False, device=device)) == "ok"

    queue = "Cpu" if device == "cpu" else "Spot"
    assert world.steps == [("plan", "Cpu"), ("run", queue), ("assemble", "Cpu")]
    assert [job.size for job in world.compute.jobs] == [1, size, 1]


def test_array_has_two_children_at_least_as_batch_demands(world: World) -> None:
    """One machine does them one after the other."""
    world.chunks, world.machines = 5, 1

    assert told(world.run(short=False)) == "ok"
    assert [job.size for job in world.compute.jobs] == [1, 2, 1]


def test_one_chunk_is_a_plain_job(world: World) -> None:
    assert told(world.run(short=False)) == "ok"

    assert world.steps == [("plan", "Cpu"), ("all", "Spot")]
    assert world.compute.jobs[1].size == 1


@pytest.mark.parametrize(
    "end",
    [
        ExitCode.PARTIAL_INPUT,
        ExitCode.BAD_INPUT,
        ExitCode.NO_DEVICE,
        ExitCode.OUT_OF_MEMORY,
        ExitCode.INTERNAL,
    ],
)
def test_final_report_ends_it_at_once(world: World, end: ExitCode) -> None:
    world.ends = {"all": [end]}

    assert told(world.run()) == end.outcome
    assert world.steps == [("all", "Spot")]


def test_refused_source_is_never_spread(world: World) -> None:
    world.ends = {"plan": [ExitCode.BAD_INPUT]}

    assert told(world.run(short=False)) == "bad_input"
    assert world.steps == [("plan", "Cpu")]


@pytest.mark.parametrize("lost", [None, ExitCode.INTERRUPTED])
def test_second_round_is_on_demand_when_spot_has_no_machine_or_takes_it_away(
    world: World, lost: ExitCode | None
) -> None:
    world.ends = {"all": [lost]}

    assert told(world.run()) == "ok"
    assert world.steps == [("all", "Spot"), ("all", "OnDemand")]


def test_second_round_takes_up_the_plan_and_the_array(world: World) -> None:
    world.chunks = 5
    world.ends = {"run": [None], "assemble": [ExitCode.INTERRUPTED]}

    assert told(world.run(short=False)) == "ok"
    first = [("plan", "Cpu"), ("run", "Spot"), ("assemble", "Cpu")]
    assert world.steps == [*first, ("run", "OnDemand"), ("assemble", "Cpu")]


def test_childs_own_end_is_told_by_assemble_and_not_tried_again(world: World) -> None:
    world.chunks = 5
    world.ends = {"run": [ExitCode.OUT_OF_MEMORY], "assemble": [ExitCode.OUT_OF_MEMORY]}

    assert told(world.run(short=False)) == "out_of_memory"
    assert world.steps == [("plan", "Cpu"), ("run", "Spot"), ("assemble", "Cpu")]


def test_array_that_failed_after_its_last_chunk_still_counts(world: World) -> None:
    """What Batch says of a job is no more than a hint; the chunks are there."""
    world.chunks = 2
    world.ends = {"run": [None]}

    assert told(world.run(short=False)) == "ok"
    assert world.steps[-1] == ("assemble", "Cpu")


def test_task_is_lost_after_two_rounds_without_a_report(world: World) -> None:
    world.ends = {"all": [None, None]}

    run = world.run(device="cuda")

    assert (run.status, run.error) == ("FAILED", "TaskLost")
    assert "States.TaskFailed" in run.cause
    assert world.steps == [("all", "Spot"), ("all", "OnDemand")]


def test_work_that_demands_no_gpu_is_done_without_where_there_is_none(world: World) -> None:
    """A new account may start no machine with a GPU."""
    world.ends = {"all": [None, None]}

    assert told(world.run()) == "ok"
    assert world.steps == [("all", "Spot"), ("all", "OnDemand"), ("all", "Cpu")]
    assert world.compute.jobs[-1].definition.startswith("Cpu")


def test_array_without_gpu_is_as_wide_as_there_are_machines(world: World) -> None:
    world.chunks = 100
    world.ends = {"run": [None, None], "assemble": [ExitCode.INTERRUPTED] * 2}

    assert told(world.run(short=False)) == "ok"
    assert [job.size for job in world.compute.jobs if job.step == "run"] == [4, 4, CPU_MACHINES]


def test_task_is_lost_after_its_last_round_without_a_gpu(world: World) -> None:
    world.ends = {"all": [None] * 3}

    assert world.run().error == "TaskLost"


def test_cpu_work_gets_its_second_round_on_the_same_machines(world: World) -> None:
    world.ends = {"all": [None]}

    assert told(world.run(device="cpu")) == "ok"
    assert world.steps == [("all", "Cpu"), ("all", "Cpu")]


def test_plan_that_cannot_be_read_is_made_again(world: World) -> None:
    world.chunks = 3
    world.ends = {"plan": [None]}

    assert told(world.run(short=False)) == "ok"
    assert world.steps[:2] == [("plan", "Cpu"), ("plan", "Cpu")]
    assert world.steps[2] == ("run", "OnDemand")
