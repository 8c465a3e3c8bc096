"""Enhancement as processing jobs of SageMaker: one machine a task, paid by the second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from constructs import Construct

from infra import job_grants
from infra.enhance_image import EnhanceImages
from infra.environment import PipelineParts
from infra.read_report import build_read_report
from infra.role import build_role
from infra.state_machine import StateMachine

GPU_MACHINE = "ml.g6.xlarge"
CPU_MACHINE = "ml.c7i.2xlarge"
"""As priced in the functions' catalogue of computes."""


class EnhanceSagemaker(Construct):
    """The jobs' role and ReadReport; `machine` carries out one task."""

    def __init__(
        self, scope: Construct, construct_id: str, *, parts: PipelineParts, state_machines: Path
    ) -> None:
        super().__init__(scope, construct_id)
        images = EnhanceImages(self, "Images")
        self.job_role = build_role(
            self,
            "JobRole",
            service="sagemaker.amazonaws.com",
            grants=[
                *job_grants.work_on_tasks(parts.bucket),
                *job_grants.pull(images.repository),
                *job_grants.write_job_logs(self, "ProcessingJobs"),
            ],
        )
        self.read_report = build_read_report(self, parts)
        self.machine = StateMachine(
            self,
            "Enhance",
            stage=parts.stage,
            definition=state_machines / "enhance_sagemaker.asl.json",
            tasks=[self.read_report],
            values={
                "JobRoleArn": self.job_role.role_arn,
                "GpuImageUri": images.gpu.image_uri,
                "CpuImageUri": images.cpu.image_uri,
                "GpuMachine": GPU_MACHINE,
                "CpuMachine": CPU_MACHINE,
                "MediaUri": f"s3://{parts.bucket.bucket_name}/",
            },
            grants=job_grants.run_processing_jobs(
                self, job_role_arn=self.job_role.role_arn, names="enh-*"
            ),
        )

    @property
    def outputs(self) -> Mapping[str, str]:
        """What a person needs to look at the jobs, by name of the stack's output."""
        return {"ProcessingRoleArn": self.job_role.role_arn}
