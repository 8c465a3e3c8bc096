"""Train a net as a training job of SageMaker, and register it with its figures.

`python -m tools.train_model --stage dev --model luma-x2-clean`; `docs/deploying.md` explains it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from dailies.adapters.aws_clients import client
from infra.stage import STAGE_NAMES
from tools.deploy.assembly import Programs, Subprocesses
from tools.deploy.errors import DeployError, explain
from tools.deploy.stacks import Clients, find_stack, stack_names

CONTAINER = Path(__file__).resolve().parents[1] / "gpu_container"
MODELS = ("luma-x2-clean", "luma-x2-codec", "luma-x1-deblock")
MACHINE = "ml.g6.xlarge"
GROUP = "dailies-enhance"
_MAX_S = 14_400
_DISK_GB = 50
_ML = "/opt/ml"
_FIGURES = ("stills_db", "pan_neg_crf12", "pan_neg_crf23", "pan_db_crf30", "drawn_db_crf30")
"""As the gate prints them, in one JSON line on stdout."""


@dataclass(frozen=True)
class Asked:
    """What to train, and with what."""

    name: str
    """Of the job: letters, digits and hyphens, never used before."""
    model: str
    image: str
    role_arn: str
    bucket: str
    machine: str = MACHINE


def training_request(asked: Asked) -> dict[str, Any]:
    """Return the request of `CreateTrainingJob`."""
    return {
        "TrainingJobName": asked.name,
        "RoleArn": asked.role_arn,
        "AlgorithmSpecification": {
            "TrainingImage": asked.image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "-m", "enhance", "train"],
            "ContainerArguments": [
                *("--model", asked.model),
                *("--device", "cuda"),
                *("--output", f"{_ML}/model/{asked.model}.safetensors"),
                *("--checkpoint", f"{_ML}/checkpoints/{asked.model}.pt"),
                *("--metrics", f"{_ML}/output/data/metrics.json"),
            ],
            "MetricDefinitions": [
                {"Name": name, "Regex": f'"{name}": (-?[0-9.]+)'} for name in _FIGURES
            ],
        },
        "OutputDataConfig": {"S3OutputPath": f"s3://{asked.bucket}/training/"},
        "ResourceConfig": {
            "InstanceType": asked.machine,
            "InstanceCount": 1,
            "VolumeSizeInGB": _DISK_GB,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _MAX_S},
        "EnableNetworkIsolation": True,
    }


def package_request(asked: Asked, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request of `CreateModelPackage`: a version of the model's group.

    `job` is what SageMaker says of the finished job: its artifact, and its figures.
    """
    figures = {m["MetricName"]: f"{m['Value']:g}" for m in job.get("FinalMetricDataList", [])}
    return {
        "ModelPackageGroupName": f"{GROUP}-{asked.model}",
        "ModelPackageDescription": f"{asked.model}, trained by {asked.name}",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [
                {
                    "Image": asked.image,
                    "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
                }
            ],
            "SupportedContentTypes": ["video/mp4"],
            "SupportedResponseMIMETypes": ["video/mp4"],
        },
        "CustomerMetadataProperties": {"training_job": asked.name, **figures},
    }


class Trainer:
    """Builds the image, trains, and registers what came of it."""

    def __init__(self, clients: Clients, programs: Programs, say: Callable[[str], None]) -> None:
        self._clients = clients
        self._programs = programs
        self._say = say

    def run(self, stage: str, model: str, *, dry_run: bool) -> None:
        """Train a model.

        Raises:
            DeployError: it cannot be done, or the job failed; the message names the cure.
        """
        asked = self._asked(stage, model)
        self._say(json.dumps(training_request(asked), indent=2))
        if dry_run:
            self._say("Nothing was started (dry run).")
            return
        self._push(asked.image)
        sagemaker = self._clients("sagemaker")
        sagemaker.create_training_job(**training_request(asked))
        self._say(f"Training as {asked.name}; its log is in /aws/sagemaker/TrainingJobs.")
        waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
        try:
            waiter.wait(TrainingJobName=asked.name)
        except WaiterError:
            self._say("The job has failed, or takes longer than SageMaker's own wait.")
        self._register(asked)

    def _asked(self, stage: str, model: str) -> Asked:
        data, pipeline = (find_stack(self._clients, name) for name in stack_names(stage))
        if data is None or pipeline is None or "TrainingRoleArn" not in pipeline.outputs:
            raise DeployError(f"The stage {stage} is not deployed: make deploy STAGE={stage}.")
        sts = self._clients("sts")
        account, region = sts.get_caller_identity()["Account"], sts.meta.region_name
        repository = f"cdk-hnb659fds-container-assets-{account}-{region}"
        tag = f"train-{content_digest(CONTAINER)}"
        image = f"{account}.dkr.ecr.{region}.amazonaws.com/{repository}:{tag}"
        return Asked(
            name=f"dailies-{stage}-{model}-{self._next(model)}",
            model=model,
            image=image,
            role_arn=pipeline.outputs["TrainingRoleArn"],
            bucket=data.outputs["MediaBucketName"],
        )

    def _next(self, model: str) -> int:
        """Return a number that no job of this model has had."""
        pages = self._clients("sagemaker").get_paginator("list_training_jobs")
        found = pages.paginate(NameContains=model)
        return 1 + sum(len(page["TrainingJobSummaries"]) for page in found)

    def _push(self, image: str) -> None:
        """Build the training image and push it, unless it is there: its tag is its content."""
        repository, tag = image.partition("/")[2].split(":")
        try:
            self._clients("ecr").describe_images(
                repositoryName=repository, imageIds=[{"imageTag": tag}]
            )
            return
        except ClientError as exc:
            if "ImageNotFoundException" not in str(exc):
                raise
        registry = image.partition("/")[0]
        login = f"aws ecr get-login-password | docker login -u AWS --password-stdin {registry}"
        build = ["docker", "build", "--platform", "linux/amd64", "--target", "train"]
        for command in (
            ["bash", "-o", "pipefail", "-c", login],
            [*build, "--tag", image, str(CONTAINER)],
            ["docker", "push", image],
        ):
            if self._programs.run(command) != 0:
                raise DeployError(f"The image was not made: `{command[0]}` failed, see above.")

    def _register(self, asked: Asked) -> None:
        sagemaker = self._clients("sagemaker")
        job = sagemaker.describe_training_job(TrainingJobName=asked.name)
        if job["TrainingJobStatus"] != "Completed":
            why = job.get("FailureReason", "no reason given")
            raise DeployError(f"Nothing was registered: {job['TrainingJobStatus']}, {why}.")
        request = package_request(asked, job)
        try:
            sagemaker.create_model_package_group(
                ModelPackageGroupName=request["ModelPackageGroupName"],
                ModelPackageGroupDescription=f"Dailies: the net {asked.model}",
            )
        except ClientError as exc:
            if "already exists" not in str(exc):
                raise
        made = sagemaker.create_model_package(**request)
        self._say(f"Registered {made['ModelPackageArn']}, to be approved by a person.")


def content_digest(folder: Path) -> str:
    """Return what the image is made of, as a short word."""
    digest = hashlib.sha256()
    files = [*folder.glob("*.lock"), folder / "Dockerfile", *folder.glob("enhance/**/*")]
    for file in sorted(f for f in files if f.is_file() and "__pycache__" not in f.parts):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:24]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.train_model", description=__doc__)
    parser.add_argument("--stage", required=True, choices=[n for n in STAGE_NAMES if n != "local"])
    parser.add_argument("--model", default=MODELS[0], choices=MODELS)
    parser.add_argument("--dry-run", action="store_true", help="print the request, start nothing")
    given = parser.parse_args(arguments)
    try:
        trainer = Trainer(client, Subprocesses(), print)
        trainer.run(given.stage, given.model, dry_run=given.dry_run)
    except DeployError as exc:
        print(f"\n{exc}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as exc:
        print(f"\n{explain(exc)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
