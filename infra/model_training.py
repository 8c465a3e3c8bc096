"""Training nets in the cloud: the role that training jobs run under. Nothing stands by for it."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import grants as to
from infra import job_grants
from infra.role import build_role

TRAINING = "training/*"
"""Nets that were trained, in the media bucket."""


class ModelTraining(Construct):
    """A role that pulls the training image, and writes nets; `make train-model` passes it on."""

    def __init__(self, scope: Construct, construct_id: str, *, bucket: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        repository = ecr.Repository.from_repository_name(
            self,
            "Images",
            f"cdk-hnb659fds-container-assets-{Aws.ACCOUNT_ID}-{Aws.REGION}",
        )
        self.role = build_role(
            self,
            "Role",
            service="sagemaker.amazonaws.com",
            grants=[
                to.write_objects(bucket, TRAINING),
                *job_grants.pull(repository),
                *job_grants.write_job_logs(self, "TrainingJobs"),
            ],
        )
