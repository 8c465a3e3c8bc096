"""Clients on moto with dummy credentials, and the one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

TABLE = "dailies"


def client(service: str) -> Any:
    """Return a client that can reach nothing but a mock."""
    return boto3.client(
        service,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def create_table(dynamodb: Any, table: str = TABLE) -> None:
    """Create the table as the stack `Data` does: keys and the two indexes."""
    names = ["pk", "sk", "due_pk", "due_at", "tenant_pk", "job_id"]
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
        KeySchema=_keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            _index("due", "due_pk", "due_at"),
            _index("by_tenant", "tenant_pk", "job_id"),
        ],
    )


def _keys(hash_key: str, range_key: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": hash_key, "KeyType": "HASH"},
        {"AttributeName": range_key, "KeyType": "RANGE"},
    ]


def _index(name: str, hash_key: str, range_key: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": _keys(hash_key, range_key),
        "Projection": {"ProjectionType": "ALL"},
    }


@pytest.fixture
def aws() -> Iterator[Callable[[str], Any]]:
    """A maker of clients on moto."""
    with mock_aws():
        yield client


@pytest.fixture
def dynamodb(aws: Callable[[str], Any]) -> Any:
    """A client of DynamoDB with the empty table."""
    dynamodb = aws("dynamodb")
    create_table(dynamodb)
    return dynamodb
