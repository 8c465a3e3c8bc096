"""Enhancement on AWS Batch: machines that come with the work and go with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from constructs import Construct

from infra import job_grants
from infra.batch_jobs import BatchJobs
from infra.batch_machines import BatchMachines
from infra.compute_network import ComputeNetwork
from infra.enhance_image import EnhanceImages
from infra.environment import PipelineParts
from infra.grants import read_objects
from infra.media_bucket import ENHANCE
from infra.read_report import build_read_report
from infra.state_machine import StateMachine


class EnhanceBatch(Construct):
    """Network, machines, job definitions and ReadReport; `machine` carries out one task."""

    def __init__(
        self, scope: Construct, construct_id: str, *, parts: PipelineParts, state_machines: Path
    ) -> None:
        super().__init__(scope, construct_id)
        stage = parts.stage
        images = EnhanceImages(self, "Images")
        network = ComputeNetwork(self, "Network")
        self.machines = BatchMachines(self, "Machines", stage=stage, network=network)
        self.jobs = BatchJobs(self, "Jobs", stage=stage, bucket=parts.bucket, images=images)
        self.read_report = build_read_report(self, parts)
        queues = {
            "SpotQueueArn": self.machines.spot.ref,
            "OnDemandQueueArn": self.machines.on_demand.ref,
            "CpuQueueArn": self.machines.cpu.ref,
        }
        self.machine = StateMachine(
            self,
            "Enhance",
            stage=stage,
            definition=state_machines / "enhance_batch.asl.json",
            tasks=[self.read_report],
            values={
                **queues,
                "GpuJobDefinitionArn": self.jobs.gpu.ref,
                "CpuJobDefinitionArn": self.jobs.cpu.ref,
                "GpuMachines": str(stage.gpu_machines),
                "CpuMachines": str(stage.cpu_machines),
                "MediaUri": f"s3://{parts.bucket.bucket_name}/",
            },
            grants=[
                *job_grants.run_batch_jobs(
                    self, queues=list(queues.values()), definitions=self.jobs.names
                ),
                read_objects(parts.bucket, ENHANCE),
            ],
        )

    @property
    def outputs(self) -> Mapping[str, str]:
        """What a person needs to look at the machines, by name of the stack's output."""
        return {"SpotQueueArn": self.machines.spot.ref}
