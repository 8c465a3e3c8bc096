"""Enhancement on SageMaker: a stage that chooses it passes the same checks."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk import App
from cfnlint.api import lint

from infra.artifacts import Artifacts
from infra.cloud import build_stacks
from infra.stage import stage_config
from tests.infra.conftest import ROOT, Template, short, statements


@functools.cache
def pipeline() -> Template:
    """Synthesize `dev` with SageMaker as its compute, with cdk-nag on."""
    scratch = Path(tempfile.mkdtemp(prefix="dailies-sagemaker-"))
    empty = scratch / "empty"
    empty.mkdir()
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(scratch / "out"), context=context | {"aws:cdk:bundling-stacks": []})
    stage = stage_config("dev").model_copy(update={"enhance_compute": "sagemaker"})
    _, stack = build_stacks(app, stage, Artifacts(empty, empty, empty))
    artifact = app.synth().get_stack_artifact(stack.artifact_id)
    return Template(artifact.template, Path(artifact.template_full_path))


def role(name: str) -> dict[str, Any]:
    """Return a role of the compute by the end of its logical id."""
    (found,) = (
        resource["Properties"]
        for logical_id, resource in pipeline().of_type("AWS::IAM::Role").items()
        if short({"Ref": logical_id}) == f"EnhanceSagemaker{name}"
    )
    return found


def test_cfn_lint_is_silent() -> None:
    assert [m.message for m in lint(pipeline().path.read_text(), None, ["us-east-1"])] == []


def test_there_is_no_machine_and_no_network() -> None:
    kinds = {resource["Type"] for resource in pipeline().body["Resources"].values()}

    assert not [kind for kind in kinds if kind.startswith(("AWS::Batch::", "AWS::EC2::"))]


def test_workflow_runs_jobs_of_its_name_under_one_role() -> None:
    allowed = statements(role("EnhanceRole"))
    jobs = {r for a, r in allowed if a == "sagemaker:CreateProcessingJob"}

    assert jobs == {"sagemaker:processing-job/enh-*"}
    assert {r for a, r in allowed if a == "iam:PassRole"} == {"EnhanceSagemakerJobRole"}
    rules = {r for a, r in allowed if a.startswith("events:")}
    assert rules == {"events:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"}


def test_role_is_passed_to_sagemaker_alone() -> None:
    (policy,) = role("EnhanceRole")["Policies"]
    (passing,) = (
        statement
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "iam:PassRole"
    )

    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }


def test_job_reaches_videos_weights_and_work_alone() -> None:
    objects = {(a, r) for a, r in statements(role("JobRole")) if a.startswith("s3:")}

    assert {r.partition("/")[2] for a, r in objects if a == "s3:GetObject"} == {
        f"{prefix}/*" for prefix in ("uploads", "outputs", "models", "enhance")
    }
    assert {r.partition("/")[2] for a, r in objects if a == "s3:PutObject"} == {
        f"{prefix}/*" for prefix in ("outputs", "enhance")
    }
