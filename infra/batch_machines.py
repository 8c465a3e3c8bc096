"""The machines of AWS Batch: what may be started, and the queues that ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import job_grants
from infra.compute_network import ComputeNetwork
from infra.role import build_role
from infra.stage import StageConfig

_DISK_GB = 100
"""The image, and the chunk and the output under way: two hours of 4K are 40 GB."""
_HOPS = 2
"""A container's way to the metadata service, which tells of Spot notices, is one hop longer."""
_BLOCKED = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
"""Why Batch says that the job at a queue's head cannot start; waiting for a turn is none."""
_SPOT_WAIT_S = 600
"""The least that Batch takes."""
_WAIT_S = 1800


@dataclass(frozen=True, slots=True)
class MachineKind:
    """One kind of machine, in sizes that hold one job or two."""

    name: str
    types: Sequence[str]
    image: str
    vcpus: int
    """Of one job."""
    memory_mb: int
    """Of one job: what a machine of 16 GiB has left beside its own agent."""
    gpus: int
    spot: bool = False


_GPU_TYPES = tuple(
    f"{family}.{size}" for family in ("g6", "g6e", "g5") for size in ("xlarge", "2xlarge")
)
SPOT = MachineKind("Spot", _GPU_TYPES, "ECS_AL2023_NVIDIA", 4, 14_000, 1, spot=True)
ON_DEMAND = MachineKind("OnDemand", _GPU_TYPES, "ECS_AL2023_NVIDIA", 4, 14_000, 1)
CPU = MachineKind("Cpu", ("c7i.2xlarge", "c7a.2xlarge", "m7i.2xlarge"), "ECS_AL2023", 8, 14_000, 0)
"""All of them compute in bf16, which halves the time."""


class BatchMachines(Construct):
    """Three queues, each over machines of one kind, all of which go when nobody needs them."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, network: ComputeNetwork
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self._network = network
        self._template = self._build_template()
        self._profile = self._build_profile()
        self.spot = self._build_queue(SPOT, stage.gpu_machines, _SPOT_WAIT_S)
        self.on_demand = self._build_queue(ON_DEMAND, stage.gpu_machines, _WAIT_S)
        self.cpu = self._build_queue(CPU, stage.cpu_machines, _WAIT_S)

    def _build_template(self) -> ec2.CfnLaunchTemplate:
        data = ec2.CfnLaunchTemplate
        return data(
            self,
            "Template",
            launch_template_data=data.LaunchTemplateDataProperty(
                metadata_options=data.MetadataOptionsProperty(
                    http_tokens="required", http_put_response_hop_limit=_HOPS
                ),
                block_device_mappings=[
                    data.BlockDeviceMappingProperty(
                        device_name="/dev/xvda",
                        ebs=data.EbsProperty(
                            volume_size=_DISK_GB,
                            volume_type="gp3",
                            encrypted=True,
                            delete_on_termination=True,
                        ),
                    )
                ],
            ),
        )

    def _build_profile(self) -> iam.CfnInstanceProfile:
        """Build the machines' own role: their agent's work, and no object of anybody."""
        role = build_role(
            self,
            "MachineRole",
            service="ec2.amazonaws.com",
            grants=job_grants.be_an_ecs_machine(self),
        )
        return iam.CfnInstanceProfile(self, "Profile", roles=[role.role_name])

    def _build_queue(self, kind: MachineKind, machines: int, wait_s: int) -> batch.CfnJobQueue:
        environment = self._build_environment(kind, machines)
        return batch.CfnJobQueue(
            self,
            f"{kind.name}Queue",
            priority=1,
            compute_environment_order=[
                batch.CfnJobQueue.ComputeEnvironmentOrderProperty(
                    compute_environment=environment.ref, order=1
                )
            ],
            job_state_time_limit_actions=[
                batch.CfnJobQueue.JobStateTimeLimitActionProperty(
                    action="CANCEL", state="RUNNABLE", max_time_seconds=wait_s, reason=reason
                )
                for reason in _BLOCKED
            ],
        )

    def _build_environment(self, kind: MachineKind, machines: int) -> batch.CfnComputeEnvironment:
        resources = batch.CfnComputeEnvironment.ComputeResourcesProperty(
            type="SPOT" if kind.spot else "EC2",
            allocation_strategy=(
                "SPOT_PRICE_CAPACITY_OPTIMIZED" if kind.spot else "BEST_FIT_PROGRESSIVE"
            ),
            minv_cpus=0,
            maxv_cpus=machines * kind.vcpus,
            instance_types=list(kind.types),
            ec2_configuration=[
                batch.CfnComputeEnvironment.Ec2ConfigurationObjectProperty(image_type=kind.image)
            ],
            launch_template=batch.CfnComputeEnvironment.LaunchTemplateSpecificationProperty(
                launch_template_id=self._template.ref,
                version=self._template.attr_latest_version_number,
            ),
            instance_role=self._profile.attr_arn,
            subnets=self._network.subnet_ids,
            security_group_ids=[self._network.security_group.attr_group_id],
            update_to_latest_image_version=True,
            tags={"Name": f"dailies-{self._stage.name}-enhance-{kind.name.lower()}"},
        )
        return batch.CfnComputeEnvironment(
            self,
            f"{kind.name}Environment",
            type="MANAGED",
            state="ENABLED",
            compute_resources=resources,
            # Change it where it is: jobs that run go on to their end.
            replace_compute_environment=False,
            update_policy=batch.CfnComputeEnvironment.UpdatePolicyProperty(
                terminate_jobs_on_update=False
            ),
        )
