"""The one table: jobs, attempts, events, assets, keys and links."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.stage import StageConfig

DUE_INDEX = "due"
"""Sparse: jobs that wait for something, and events that nobody has published yet."""

TENANT_INDEX = "by_tenant"
"""A tenant's jobs in the order of their ids."""

TTL_ATTRIBUTE = "ttl"


class Table(Construct):
    """The ledger's table, with the two indexes that the design allows."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_string("pk"),
            sort_key=_string("sk"),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.dynamo_owned_key(),
            time_to_live_attribute=TTL_ATTRIBUTE,
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=stage.point_in_time_recovery
            ),
            global_secondary_indexes=[
                _index(DUE_INDEX, "due_pk", "due_at"),
                _index(TENANT_INDEX, "tenant_pk", "job_id"),
            ],
            deletion_protection=stage.retain_data,
            removal_policy=stage.removal_policy,
        )


def _index(name: str, partition_key: str, sort_key: str) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=name,
        partition_key=_string(partition_key),
        sort_key=_string(sort_key),
        projection_type=dynamodb.ProjectionType.ALL,
    )


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
