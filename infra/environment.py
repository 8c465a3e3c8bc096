"""What constructs of the pipeline share, and the names under which functions are told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3

from infra.python_function import FunctionSources
from infra.simulator_function import simulator_endpoint
from infra.stage import StageConfig


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """The data that the pipeline works on, what its functions are made of, and its address."""

    stage: StageConfig
    sources: FunctionSources
    table: dynamodb.ITable
    bucket: s3.IBucket
    public_url: str


class Environment:
    """Makes the variables of a function, one named group at a time."""

    def __init__(self, parts: PipelineParts) -> None:
        stage = parts.stage
        self.table = {"TABLE_NAME": parts.table.table_name}
        self.bucket = {"MEDIA_BUCKET": parts.bucket.bucket_name}
        self.secrets = {"SECRETS_PREFIX": stage.secrets_prefix}
        self.public_url = {"PUBLIC_URL": parts.public_url}
        self.outbound = {"OUTBOUND_ALLOW": json.dumps(list(stage.outbound_allow))}
        endpoints = {**simulator_endpoint(stage, parts.public_url), **stage.provider_endpoints}
        self.vendors = {
            **self.secrets,
            "PROVIDER_ENDPOINTS": json.dumps(endpoints, sort_keys=True),
        }
        self.spend_caps = {"SPEND_CAPS": json.dumps(dict(stage.spend_caps), sort_keys=True)}
        self._compute = {"ENHANCE_COMPUTE": stage.enhance_compute}
        self.offer = {"WITHHELD_VENDORS": json.dumps(list(stage.withheld_vendors))}

    def compute(self, state_machine_arn: str) -> dict[str, str]:
        """Return which compute enhances, and its workflow."""
        return {**self._compute, **enhancement_arn(state_machine_arn)}


def enhancement_arn(state_machine_arn: str) -> dict[str, str]:
    """Return the workflow of the compute."""
    return {"ENHANCE_STATE_MACHINE_ARN": state_machine_arn}


def merge(*groups: Mapping[str, str]) -> dict[str, str]:
    """Join groups of variables."""
    return {name: value for group in groups for name, value in group.items()}
