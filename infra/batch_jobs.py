"""The job definitions of AWS Batch: the container, what it may do, and when it is tried again."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import grants as to
from infra import job_grants
from infra.batch_machines import CPU, SPOT, MachineKind
from infra.enhance_image import EnhanceImages
from infra.log_group import build_log_group
from infra.role import build_role
from infra.stage import StageConfig

_TRIES = 10
"""The most that Batch takes. Each goes on where the last one was interrupted."""
_INTERRUPTED = "143"
"""`ExitCode.INTERRUPTED` of the container: stopped, with a checkpoint."""
_ATTEMPT_S = 43_200
"""Where a state of the workflow says nothing else."""
_SCRATCH = "/scratch"
_TEMPORARY_MB = 256


class BatchJobs(Construct):
    """`gpu` and `cpu`: what is done (`plan`, `run`, `assemble`, `all`) comes with each job.

    Definitions have names of their own, so that the workflow's role can be held to them whatever
    their revision; a new revision leaves the earlier ones to the executions that began with them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        bucket: s3.IBucket,
        images: EnhanceImages,
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self._log = build_log_group(
            self, "Log", stage=stage, name=f"/dailies/{stage.name}/enhance_jobs"
        )
        tasks = "ecs-tasks.amazonaws.com"
        self._job_role = build_role(
            self, "JobRole", service=tasks, grants=job_grants.work_on_tasks(bucket)
        )
        self._execution_role = build_role(
            self,
            "ExecutionRole",
            service=tasks,
            grants=[*job_grants.pull(images.repository), to.write_log(self._log)],
        )
        self.gpu = self._build("gpu", SPOT, images.gpu)
        self.cpu = self._build("cpu", CPU, images.cpu)

    @property
    def names(self) -> list[str]:
        """Of the definitions."""
        return [self._name("gpu"), self._name("cpu")]

    @property
    def roles(self) -> list[iam.IRole]:
        """That a job runs under."""
        return [self._job_role, self._execution_role]

    def _name(self, kind: str) -> str:
        return f"dailies-{self._stage.name}-enhance-{kind}"

    def _build(
        self, name: str, machine: MachineKind, image: ecr_assets.DockerImageAsset
    ) -> batch.CfnJobDefinition:
        definition = batch.CfnJobDefinition
        return definition(
            self,
            name.title(),
            job_definition_name=self._name(name),
            type="container",
            platform_capabilities=["EC2"],
            container_properties=self._container(machine, image),
            retry_strategy=_retries(),
            timeout=definition.TimeoutProperty(attempt_duration_seconds=_ATTEMPT_S),
            resource_retention_policy=definition.ResourceRetentionPolicyProperty(
                skip_deregister_on_update=True
            ),
        )

    def _container(
        self, machine: MachineKind, image: ecr_assets.DockerImageAsset
    ) -> batch.CfnJobDefinition.ContainerPropertiesProperty:
        definition = batch.CfnJobDefinition
        return definition.ContainerPropertiesProperty(
            image=image.image_uri,
            job_role_arn=self._job_role.role_arn,
            execution_role_arn=self._execution_role.role_arn,
            resource_requirements=_requirements(machine),
            environment=[
                definition.EnvironmentProperty(name=key, value=value)
                for key, value in _environment(machine).items()
            ],
            privileged=False,
            readonly_root_filesystem=True,
            volumes=[
                definition.VolumesProperty(name="scratch", host=definition.VolumesHostProperty())
            ],
            mount_points=[
                definition.MountPointsProperty(
                    source_volume="scratch", container_path=_SCRATCH, read_only=False
                )
            ],
            linux_parameters=definition.LinuxParametersProperty(
                init_process_enabled=True,
                tmpfs=[
                    definition.TmpfsProperty(
                        container_path="/tmp",  # noqa: S108 - within the container
                        size=_TEMPORARY_MB,
                        mount_options=["nosuid", "nodev"],
                    )
                ],
            ),
            log_configuration=definition.LogConfigurationProperty(
                log_driver="awslogs",
                options={
                    "awslogs-group": self._log.log_group_name,
                    "awslogs-region": Aws.REGION,
                    "awslogs-stream-prefix": "job",
                },
            ),
        )


def _environment(machine: MachineKind) -> dict[str, str]:
    """Return what a container cannot know: Batch tells it nothing of the region."""
    return {"AWS_DEFAULT_REGION": Aws.REGION} | ({"ENHANCE_SPOT": "1"} if machine.spot else {})


def _requirements(
    machine: MachineKind,
) -> list[batch.CfnJobDefinition.ResourceRequirementProperty]:
    wanted = {"VCPU": machine.vcpus, "MEMORY": machine.memory_mb, "GPU": machine.gpus}
    return [
        batch.CfnJobDefinition.ResourceRequirementProperty(type=kind, value=str(amount))
        for kind, amount in wanted.items()
        if amount
    ]


def _retries() -> batch.CfnJobDefinition.RetryStrategyProperty:
    """Try again what was interrupted, and what lost its machine.

    What matches no line would be tried again too: the last one ends it.
    """
    line = batch.CfnJobDefinition.EvaluateOnExitProperty
    return batch.CfnJobDefinition.RetryStrategyProperty(
        attempts=_TRIES,
        evaluate_on_exit=[
            line(action="RETRY", on_exit_code=_INTERRUPTED),
            line(action="RETRY", on_status_reason="Host EC2*"),
            line(action="EXIT", on_reason="*"),
        ],
    )
