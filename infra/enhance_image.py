"""The container image of the enhancement, in its two sizes: built when deployed, not before."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

CONTAINER = Path(__file__).resolve().parents[1] / "gpu_container"


class EnhanceImages(Construct):
    """`gpu` holds CUDA and torch, `cpu` a twentieth of that: planning does not wait for a pull."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.gpu = self._build("Gpu", "gpu")
        self.cpu = self._build("Cpu", "cpu")

    @property
    def repository(self) -> ecr.IRepository:
        """Where both are kept: the bootstrap stack's own."""
        return self.gpu.repository

    def _build(self, name: str, target: str) -> ecr_assets.DockerImageAsset:
        """Name an image by the content of its folder; Docker is first needed to deploy it."""
        return ecr_assets.DockerImageAsset(
            self,
            name,
            directory=str(CONTAINER),
            target=target,
            platform=ecr_assets.Platform.LINUX_AMD64,
            ignore_mode=IgnoreMode.DOCKER,
        )
