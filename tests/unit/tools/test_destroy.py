"""Deleting a stage: what stays is said first, and nothing goes without its name being typed."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from infra.stage import stage_config
from tests.unit.tools.cloud import Account, Answers, moto_client, resource, stacks
from tools.deploy.errors import DeployError
from tools.destroy import Destruction, empty_bucket

DATA: dict[str, Any] = {
    "Template": {
        "Resources": {
            "Table": {"Type": "AWS::DynamoDB::GlobalTable", "DeletionPolicy": "Retain"},
            "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        }
    },
    "Resources": [
        resource("AWS::DynamoDB::GlobalTable", "the-table", "Table"),
        resource("AWS::S3::Bucket", "the-bucket", "Bucket"),
    ],
}
PIPELINE: dict[str, Any] = {
    "Template": {
        "Resources": {
            "Machine": {"Type": "AWS::StepFunctions::StateMachine"},
            "Version": {"Type": "AWS::Lambda::Version", "DeletionPolicy": "Retain"},
            "Log": {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain"},
        }
    },
    "Resources": [
        resource("AWS::StepFunctions::StateMachine", "arn:machine", "Machine"),
        resource("AWS::Lambda::Version", "arn:version", "Version"),
        resource("AWS::Logs::LogGroup", "/dailies/x/api", "Log"),
    ],
}


class Waiter:
    def wait(self, **arguments: Any) -> None:
        return None


class Scene:
    """One destruction, with what it said and deleted."""

    def __init__(self, stage: str, typed: str, *, running: int = 0, **deployed: Any) -> None:
        self.said: list[str] = []
        self.deleted: list[str] = []
        cloudformation: Any = stacks(**deployed)
        cloudformation.delete_stack = lambda StackName: self.deleted.append(StackName)  # noqa: N803
        cloudformation.get_waiter = lambda name: Waiter()
        s3 = Answers(list_object_versions={}, delete_objects={})
        executions = Answers(list_executions={"executions": [{}] * running})
        account = Account(cloudformation=cloudformation, s3=s3, stepfunctions=executions)
        self.destruction = Destruction(
            stage_config(stage), account, self.said.append, lambda question: typed
        )

    @property
    def text(self) -> str:
        return "\n".join(self.said)


def test_data_is_kept_and_explained_when_the_stage_retains_it() -> None:
    scene = Scene("prod", "prod", data=DATA, pipeline=PIPELINE)

    scene.destruction.run()

    assert scene.deleted == ["Dailies-prod-Pipeline"]
    assert "the ledger: every job" in scene.text
    assert "the-table" in scene.text
    assert "the-bucket" in scene.text
    assert "/dailies/x/api" in scene.text
    assert "arn:version" not in scene.text


def test_everything_goes_when_the_stage_retains_nothing() -> None:
    gone = {"Template": {"Resources": {}}, "Resources": DATA["Resources"]}
    scene = Scene("dev", "dev", data=gone, pipeline=gone)

    scene.destruction.run()

    assert scene.deleted == ["Dailies-dev-Pipeline", "Dailies-dev-Data"]
    assert "Emptying the bucket the-bucket" in scene.text


def test_nothing_goes_when_another_name_is_typed() -> None:
    scene = Scene("dev", "prod", data=DATA, pipeline=PIPELINE)

    with pytest.raises(DeployError, match="not the stage's name"):
        scene.destruction.run()

    assert scene.deleted == []


def test_nothing_goes_when_jobs_are_under_way() -> None:
    scene = Scene("dev", "dev", running=1, data=DATA, pipeline=PIPELINE)

    with pytest.raises(DeployError, match="arn:machine is at work"):
        scene.destruction.run()

    assert scene.deleted == []


@pytest.mark.parametrize("deployed", [{}, {"data": DATA}])
def test_it_says_so_when_there_is_nothing_to_delete(deployed: dict[str, Any]) -> None:
    with pytest.raises(DeployError, match="nothing to delete of the stage prod"):
        Scene("prod", "prod", **deployed).destruction.run()


@mock_aws
def test_every_version_goes_when_a_bucket_is_emptied() -> None:
    s3 = moto_client("s3")
    s3.create_bucket(
        Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    s3.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket="media", Key="a", Body=body)
    s3.delete_object(Bucket="media", Key="a")

    empty_bucket(s3, "media")

    left = s3.list_object_versions(Bucket="media")
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
