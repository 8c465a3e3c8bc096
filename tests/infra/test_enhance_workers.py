"""Enhancement on workers: what a worker's credentials may do, and how a task is given up."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

from dailies.settings import OF_HANDLER
from infra import nag
from infra.data_stack import DataStack
from infra.enhance_workers import EnhanceWorkers
from infra.environment import PipelineParts
from infra.python_function import FunctionSources
from infra.stage import STAGE_NAMES, stage_config
from tests.infra.conftest import ROOT, Template, short, statements


@functools.cache
def synthesized(stage_name: str) -> Template:
    """Return the construct's template in a stack of its own, with cdk-nag on."""
    scratch = Path(tempfile.mkdtemp(prefix="dailies-workers-"))
    empty = scratch / "empty"
    empty.mkdir()
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(scratch / "out"), context=context | {"aws:cdk:bundling-stacks": []})
    stage = stage_config(stage_name)
    data = DataStack(app, "Data", stage=stage)
    stack = Stack(app, "Pipeline")
    code = lambda_.Code.from_asset(str(empty))
    parts = PipelineParts(
        stage=stage,
        sources=FunctionSources(stage=stage, code=code, base_layer=None, media_layer=None),
        table=data.table,
        bucket=data.bucket,
        public_url="",
    )
    EnhanceWorkers(stack, "Enhance", parts=parts, state_machines=ROOT / "state_machines")
    nag.check(app)
    artifact = app.synth().get_stack_artifact(stack.artifact_id)
    return Template(artifact.template, Path(artifact.template_full_path))


@pytest.fixture(scope="module", params=STAGE_NAMES)
def template(request: pytest.FixtureRequest) -> Template:
    return synthesized(request.param)


@pytest.fixture(scope="module")
def prod() -> Template:
    return synthesized("prod")


def granted(template: Template, module: str) -> set[tuple[str, str]]:
    """Return what a function's role allows."""
    roles = template.of_type("AWS::IAM::Role")
    role = template.functions()[module]["Role"]["Fn::GetAtt"][0]
    return statements(roles[role]["Properties"])


def queues(template: Template) -> dict[str, dict[str, Any]]:
    """Return the properties of the queues by short name."""
    return {
        short({"Ref": name}): one["Properties"]
        for name, one in template.of_type("AWS::SQS::Queue").items()
    }


def test_variables_are_those_that_are_read_when_a_function_starts(template: Template) -> None:
    for module, function in template.functions().items():
        assert set(function["Environment"]["Variables"]) == OF_HANDLER[module].variables(), module


def test_worker_may_pull_and_ask_and_nothing_else(template: Template) -> None:
    policy = template.the_one("AWS::IAM::ManagedPolicy")
    allowed = statements({"Policies": [{"PolicyDocument": policy["PolicyDocument"]}]})

    assert {action for action, _ in allowed} == {
        "lambda:InvokeFunction",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:ReceiveMessage",
    }
    functions = {resource for action, resource in allowed if action.startswith("lambda:")}
    assert functions == {"EnhanceLeaseTaskLive", "EnhanceFinishTaskLive"}
    assert {r for action, r in allowed if action.startswith("sqs:")} == {"EnhanceQueue"}
    assert "Users" not in policy and "Roles" not in policy and "Groups" not in policy


def test_message_becomes_a_dead_letter_that_fails_the_task(template: Template) -> None:
    found = queues(template)
    redrive = found["EnhanceQueue"]["RedrivePolicy"]
    leases = template.functions()["lease_task"]["Environment"]["Variables"]
    (feed,) = template.properties("AWS::Lambda::EventSourceMapping")

    assert short(redrive["deadLetterTargetArn"]) == "EnhanceDeadLetters"
    assert str(redrive["maxReceiveCount"]) == leases["MAX_RECEIVES"]
    assert str(found["EnhanceQueue"]["VisibilityTimeout"]) == leases["LEASE_S"]
    assert short(feed["EventSourceArn"]) == "EnhanceDeadLetters"
    assert short(feed["FunctionName"]).startswith("EnhanceFailTask")
    assert feed["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_signer_reaches_the_objects_of_tasks_alone(prod: Template) -> None:
    reach = {
        (action, resource.partition("/")[2])
        for action, resource in granted(prod, "lease_task")
        if action.startswith("s3:")
    }

    assert reach == {
        *(("s3:GetObject", f"{p}/*") for p in ("uploads", "outputs", "models", "enhance")),
        *(("s3:PutObject", f"{p}/*") for p in ("outputs", "enhance")),
        ("s3:ListBucket", ""),
    }


def test_waits_are_ended_by_those_alone_who_know_how_a_task_ended(prod: Template) -> None:
    def ends(module: str) -> set[str]:
        return {a for a, _ in granted(prod, module) if a.startswith("states:")}

    assert ends("queue_task") == ends("lease_task") == ends("read_report") == set()
    assert ends("finish_task") == {"states:SendTaskSuccess"}
    assert ends("fail_task") == {"states:SendTaskSuccess", "states:SendTaskFailure"}
    for module in ("finish_task", "fail_task"):
        machines = {r for a, r in granted(prod, module) if a.startswith("states:")}
        assert machines == {"EnhanceMachine"}


def test_report_is_read_by_what_can_do_nothing_else(prod: Template) -> None:
    own = {(a, r) for a, r in granted(prod, "read_report") if not a.startswith(("logs:", "xray:"))}

    assert {a for a, _ in own} == {"s3:GetObject", "s3:ListBucket"}
    assert {r.partition("/")[2] for _, r in own} == {"enhance/*", ""}


def test_machine_outlasts_its_longest_wait() -> None:
    text = (ROOT / "state_machines" / "enhance_workers.asl.json").read_text("utf-8")
    machine = json.loads(text)

    longest = sum(s.get("TimeoutSeconds", 0) for s in machine["States"].values())
    assert machine["TimeoutSeconds"] > longest
