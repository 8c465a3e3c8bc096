"""Enhancement on AWS Batch: its network, machines, jobs and roles."""

from __future__ import annotations

from typing import Any

import pytest

from enhance.exits import ExitCode
from infra.stage import stage_config
from tests.infra.conftest import Stage, short, statements

QUEUES = {"Spot", "OnDemand", "Cpu"}


def role(stage: Stage, name: str) -> set[tuple[str, str]]:
    """Return what a role of the compute allows, by the end of its logical id."""
    (found,) = (
        resource["Properties"]
        for logical_id, resource in stage.pipeline.of_type("AWS::IAM::Role").items()
        if short({"Ref": logical_id}) == f"EnhanceBatch{name}"
    )
    return statements(found)


def environments(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the compute environments' resources, by kind."""
    found = stage.pipeline.of_type("AWS::Batch::ComputeEnvironment")
    return {
        short({"Ref": name}).split("Machines")[1].removesuffix("Environment"): one["Properties"]
        for name, one in found.items()
    }


def containers(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the job definitions' properties by name."""
    return {
        one["JobDefinitionName"].rpartition("-")[2]: one
        for one in stage.pipeline.properties("AWS::Batch::JobDefinition")
    }


def test_laptop_has_nothing_of_it(local: Stage) -> None:
    kinds = {resource["Type"] for resource in local.pipeline.body["Resources"].values()}

    assert not [kind for kind in kinds if kind.startswith(("AWS::Batch::", "AWS::EC2::"))]


def test_nothing_is_billed_by_the_hour(prod: Stage) -> None:
    assert not prod.pipeline.of_type("AWS::EC2::NatGateway")
    assert not prod.pipeline.of_type("AWS::EC2::EIP")
    (endpoint,) = prod.pipeline.properties("AWS::EC2::VPCEndpoint")
    assert endpoint["VpcEndpointType"] == "Gateway"
    for environment in environments(prod).values():
        assert environment["ComputeResources"]["MinvCpus"] == 0


def test_nothing_comes_in(prod: Stage) -> None:
    (group,) = prod.pipeline.properties("AWS::EC2::SecurityGroup")

    assert not group.get("SecurityGroupIngress")
    (out,) = group["SecurityGroupEgress"]
    assert (out["IpProtocol"], out["FromPort"], out["ToPort"]) == ("tcp", 443, 443)
    assert not prod.pipeline.of_type("AWS::EC2::SecurityGroupIngress")


def test_machines_are_of_the_right_kind(prod: Stage) -> None:
    stage, found = stage_config("prod"), environments(prod)
    strategies = {
        name: (one["ComputeResources"]["Type"], one["ComputeResources"]["AllocationStrategy"])
        for name, one in found.items()
    }

    assert strategies == {
        "Spot": ("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED"),
        "OnDemand": ("EC2", "BEST_FIT_PROGRESSIVE"),
        "Cpu": ("EC2", "BEST_FIT_PROGRESSIVE"),
    }
    for name in ("Spot", "OnDemand"):
        resources = found[name]["ComputeResources"]
        families = {one.split(".")[0] for one in resources["InstanceTypes"]}
        assert families == {"g5", "g6", "g6e"}
        assert resources["MaxvCpus"] == 4 * stage.gpu_machines
        assert resources["Ec2Configuration"] == [{"ImageType": "ECS_AL2023_NVIDIA"}]
    assert found["Cpu"]["ComputeResources"]["MaxvCpus"] == 8 * stage.cpu_machines
    for one in found.values():
        assert one["Type"] == "MANAGED"
        assert "ServiceRole" not in one, "Batch's own service-linked role"
        assert len(one["ComputeResources"]["Subnets"]) == 3


def test_machines_ask_for_session_tokens_and_encrypt_their_disk(prod: Stage) -> None:
    (template,) = prod.pipeline.properties("AWS::EC2::LaunchTemplate")
    data = template["LaunchTemplateData"]

    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    (disk,) = data["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["DeleteOnTermination"] is True


def test_job_that_cannot_start_is_cancelled_by_its_queue(prod: Stage) -> None:
    queues = prod.pipeline.of_type("AWS::Batch::JobQueue")
    waits = {}
    for logical_id, queue in queues.items():
        name = short({"Ref": logical_id}).split("Machines")[1].removesuffix("Queue")
        limits = queue["Properties"]["JobStateTimeLimitActions"]
        assert {(one["Action"], one["State"]) for one in limits} == {("CANCEL", "RUNNABLE")}
        assert "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY" in {one["Reason"] for one in limits}
        (waits[name],) = {one["MaxTimeSeconds"] for one in limits}

    assert waits == {"Spot": 600, "OnDemand": 1800, "Cpu": 1800}


@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_only_interrupted_jobs_and_lost_hosts_are_tried_again(prod: Stage, name: str) -> None:
    retry = containers(prod)[name]["RetryStrategy"]

    assert retry["EvaluateOnExit"] == [
        {"Action": "RETRY", "OnExitCode": str(int(ExitCode.INTERRUPTED))},
        {"Action": "RETRY", "OnStatusReason": "Host EC2*"},
        {"Action": "EXIT", "OnReason": "*"},
    ]
    assert [code for code in ExitCode if code.retryable] == [ExitCode.INTERRUPTED]
    assert 1 < retry["Attempts"] <= 10
    assert containers(prod)[name]["Timeout"]["AttemptDurationSeconds"] > 0


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("gpu", {"VCPU": "4", "MEMORY": "14000", "GPU": "1"}),
        ("cpu", {"VCPU": "8", "MEMORY": "14000"}),
    ],
)
def test_container_is_shut_in(prod: Stage, name: str, wanted: dict[str, str]) -> None:
    definition = containers(prod)[name]
    container = definition["ContainerProperties"]

    assert container["Privileged"] is False
    assert container["ReadonlyRootFilesystem"] is True
    assert container["LinuxParameters"]["InitProcessEnabled"] is True
    (mount,) = container["MountPoints"]
    assert (mount["ContainerPath"], mount["ReadOnly"]) == ("/scratch", False)
    requirements = {one["Type"]: one["Value"] for one in container["ResourceRequirements"]}
    assert requirements == wanted
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert definition["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}


def test_container_is_told_its_region_and_where_machines_can_be_taken_away(prod: Stage) -> None:
    """Batch tells the region to nobody, and S3's client would then begin in us-east-1."""
    environment = {
        name: {one["Name"]: one["Value"] for one in d["ContainerProperties"].get("Environment", [])}
        for name, d in containers(prod).items()
    }

    region = {"AWS_DEFAULT_REGION": {"Ref": "AWS::Region"}}
    assert environment == {"gpu": region | {"ENHANCE_SPOT": "1"}, "cpu": region}


def test_job_reaches_videos_weights_and_work_alone(prod: Stage) -> None:
    bucket = "MediaBucket"
    read = {
        ("s3:GetObject", f"{bucket}/{p}/*") for p in ("uploads", "outputs", "models", "enhance")
    }
    write = {
        (f"s3:{action}", f"{bucket}/{prefix}/*")
        for action in ("AbortMultipartUpload", "PutObject")
        for prefix in ("outputs", "enhance")
    }

    assert role(prod, "JobsJobRole") == read | write | {("s3:ListBucket", bucket)}


def test_machine_itself_reaches_no_object_image_or_log(prod: Stage) -> None:
    services = {action.split(":")[0] for action, _ in role(prod, "MachinesMachineRole")}

    assert services == {"ecs", "ec2"}


def test_image_is_pulled_and_the_log_written_by_a_role_of_its_own(prod: Stage) -> None:
    allowed = role(prod, "JobsExecutionRole")

    assert {action.split(":")[0] for action, _ in allowed} == {"ecr", "logs"}
    layers = {r for a, r in allowed if a == "ecr:BatchGetImage"}
    assert layers == {"ecr:repository/cdk-hnb659fds-container-assets-here"} or len(layers) == 1


def test_workflow_may_use_its_queues_and_definitions_alone(prod: Stage) -> None:
    allowed = role(prod, "EnhanceRole")
    submits = {resource for action, resource in allowed if action == "batch:SubmitJob"}

    assert submits == {
        *(f"EnhanceBatchMachines{name}Queue" for name in QUEUES),
        *(f"batch:job-definition/dailies-prod-enhance-{kind}:*" for kind in ("gpu", "cpu")),
    }
    rules = {resource for action, resource in allowed if action.startswith("events:")}
    assert rules == {"events:rule/StepFunctionsGetEventsForBatchJobsRule"}
    assert {r for a, r in allowed if a == "s3:GetObject"} == {"MediaBucket/enhance/*"}


def test_work_is_deleted_after_a_week(prod: Stage) -> None:
    rules = {
        rule["Id"]: rule
        for rule in prod.data.the_one("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    }

    assert (rules["enhance"]["Prefix"], rules["enhance"]["ExpirationInDays"]) == ("enhance/", 7)


def test_progress_takes_its_way_to_the_job(stage: Stage) -> None:
    patterns = [rule["EventPattern"] for rule in stage.pipeline.properties("AWS::Events::Rule")]
    (found,) = [
        one["detail"]["object"]["key"]
        for one in patterns
        if "wildcard" in str(one.get("detail", {}).get("object", ""))
    ]

    assert found == [
        {"wildcard": "enhance/*/progress.json"},
        {"wildcard": "enhance/*/progress/*.json"},
    ]
