"""Training as a job of SageMaker: its requests fit the service's model, and a failure is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from enhance.training.gate import GOALS
from enhance.training.recipe import RECIPES
from tests.unit.tools.cloud import Answers, refused
from tools.deploy.errors import DeployError
from tools.train_model import (
    _FIGURES,
    MACHINE,
    MODELS,
    Asked,
    Trainer,
    package_request,
    training_request,
)

SERVICE = botocore.session.get_session().get_service_model("sagemaker")
ASKED = Asked(
    name="dailies-dev-luma-x2-clean-1",
    model="luma-x2-clean",
    image="123456789012.dkr.ecr.eu-central-1.amazonaws.com/assets:train-abc",
    role_arn="arn:aws:iam::123456789012:role/training",
    bucket="media",
)
JOB = {
    "TrainingJobStatus": "Completed",
    "ModelArtifacts": {"S3ModelArtifacts": "s3://media/training/x/output/model.tar.gz"},
    "FinalMetricDataList": [{"MetricName": "stills_db", "Value": 1.61}],
}


def problems(operation: str, request: dict[str, Any]) -> str:
    """Return what botocore says against a request; nothing where it fits."""
    shape = SERVICE.operation_model(operation).input_shape
    assert shape is not None
    return ParamValidator().validate(request, shape).generate_report()


def test_requests_fit_the_services_model() -> None:
    assert problems("CreateTrainingJob", training_request(ASKED)) == ""
    assert problems("CreateModelPackage", package_request(ASKED, JOB)) == ""
    assert problems("CreateTrainingJob", {"TrainingJobName": "x"}) != ""


def test_machine_and_name_are_ones_that_the_service_takes() -> None:
    assert MACHINE in SERVICE.shape_for("TrainingInstanceType").enum
    pattern = SERVICE.shape_for("TrainingJobName").metadata["pattern"]
    assert re.fullmatch(pattern, ASKED.name)


def test_models_are_those_that_can_be_trained() -> None:
    assert set(MODELS) == set(RECIPES)


def test_figures_are_read_from_what_the_gate_prints() -> None:
    assert set(_FIGURES) == {name for goals in GOALS.values() for name in goals}
    line = json.dumps({"gate": dict.fromkeys(_FIGURES, 1.5), "missed": []})
    for metric in training_request(ASKED)["AlgorithmSpecification"]["MetricDefinitions"]:
        found = re.search(metric["Regex"], line)
        assert found is not None and found[1] == "1.5"


def test_model_is_registered_with_its_figures() -> None:
    request = package_request(ASKED, JOB)

    assert request["CustomerMetadataProperties"] == {
        "training_job": ASKED.name,
        "stills_db": "1.61",
    }
    assert request["ModelApprovalStatus"] == "PendingManualApproval"


class Account:
    """A deployed stage, and a SageMaker that answers as prepared."""

    def __init__(self, job: dict[str, Any], *, image: Any = None) -> None:
        outputs = {"TrainingRoleArn": ASKED.role_arn, "MediaBucketName": "media"}
        stack = {
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()],
        }
        self.sagemaker = Answers(
            create_training_job={},
            describe_training_job=job,
            create_model_package_group=refused("ValidationException: already exists"),
            create_model_package={"ModelPackageArn": "arn:package"},
        )
        self.ecr = Answers(describe_images=image or {})
        self._others = {
            "cloudformation": Answers(describe_stacks={"Stacks": [stack]}),
            "sts": Answers(get_caller_identity={"Account": "123456789012"}),
        }

    def __call__(self, service: str) -> Any:
        if service == "sagemaker":
            return _Sagemaker(self.sagemaker)
        if service == "sts":
            return _Sts(self._others["sts"])
        return self.ecr if service == "ecr" else self._others[service]


class _Sagemaker:
    """Adds the waiter and the paginator, which take no account."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._answers, name)

    def get_waiter(self, name: str) -> Any:
        assert name == "training_job_completed_or_stopped"
        return Answers(wait=None)

    def get_paginator(self, name: str) -> Any:
        return Answers(paginate=[{"TrainingJobSummaries": []}])


class _Sts:
    class meta:  # noqa: N801
        region_name = "eu-central-1"

    def __init__(self, answers: Answers) -> None:
        self.get_caller_identity = answers.get_caller_identity


class Programs:
    """Programs that are only written down."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []

    def ask(self, command: list[str]) -> str:
        return ""

    def run(self, command: list[str]) -> int:
        self.ran.append(command)
        return 0


def test_dry_run_prints_the_request_and_starts_nothing() -> None:
    account, programs, said = Account(JOB), Programs(), list[str]()

    Trainer(account, programs, said.append).run("dev", "luma-x2-clean", dry_run=True)

    assert problems("CreateTrainingJob", json.loads(said[0])) == ""
    assert programs.ran == []
    assert account.sagemaker.asked == []


def test_image_is_made_once_then_the_net_is_trained_and_registered() -> None:
    missing: ClientError = refused("ImageNotFoundException", "DescribeImages")
    account, programs, said = Account(JOB, image=missing), Programs(), list[str]()

    Trainer(account, programs, said.append).run("dev", "luma-x2-clean", dry_run=False)

    assert [command[0] for command in programs.ran] == ["bash", "docker", "docker"]
    assert "train" in programs.ran[1]
    operations = [operation for operation, _ in account.sagemaker.asked]
    assert operations[0] == "create_training_job"
    assert operations[-1] == "create_model_package"
    assert "arn:package" in said[-1]


def test_failed_job_registers_nothing() -> None:
    failed = JOB | {"TrainingJobStatus": "Failed", "FailureReason": "gate_missed"}
    account = Account(failed)

    with pytest.raises(DeployError, match="gate_missed"):
        Trainer(account, Programs(), lambda line: None).run("dev", "luma-x2-clean", dry_run=False)

    assert "create_model_package" not in [operation for operation, _ in account.sagemaker.asked]
