"""The stack of what must survive: the table, the media and the secrets."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.media_bucket import MediaBucket
from infra.secrets import Secrets
from infra.stage import StageConfig
from infra.synthesizer import synthesizer
from infra.table import Table


class DataStack(Stack):
    """Stateful resources only, so that the pipeline can be replaced without touching them."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=synthesizer(stage),
            termination_protection=stage.retain_data,
            description=f"Dailies ({stage.name}): table, media and secrets",
        )
        self.table = Table(self, "Table", stage=stage).table
        self.bucket = MediaBucket(self, "Media", stage=stage).bucket
        CfnOutput(self, "TableName", value=self.table.table_name)
        CfnOutput(self, "MediaBucketName", value=self.bucket.bucket_name)
        Secrets(self, "Secrets", stage=stage)
