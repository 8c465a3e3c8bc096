"""The command that makes API keys, against an AWS in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from dailies.adapters.dynamodb_keys import DynamoDbKeys
from dailies.domain.signing import webhook_secret
from dailies.services.authorize import authorize
from tools.api_key import issue, table_name


class Refused:
    """CloudFormation where the caller may look at nothing."""

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        error = {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}
        raise ClientError(error, "DescribeStacks")


class Stacks:
    """CloudFormation with at most one stack."""

    def __init__(self, outputs: dict[str, str] | None) -> None:
        self._outputs = outputs

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        if self._outputs is None or StackName != "Dailies-dev-Data":
            error = {"Error": {"Code": "ValidationError", "Message": "does not exist"}}
            raise ClientError(error, "DescribeStacks")
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self._outputs.items()]
        return {"Stacks": [{"Outputs": outputs}]}


def deployed(outputs: dict[str, str] | None) -> Callable[[str], Any]:
    """Return the clients of an account with the stage `dev`, whose stack has these outputs."""

    def client(service: str) -> Any:
        if service == "cloudformation":
            return Stacks(outputs)
        return boto3.client(
            service,
            region_name="eu-central-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    client("dynamodb").create_table(
        TableName="the-table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    client("secretsmanager").create_secret(
        Name="dailies/dev/signing",
        SecretString=json.dumps({"callback_key": "c", "webhook_key": "w"}),
    )
    return client


@mock_aws
def test_key_opens_the_api_when_it_was_made() -> None:
    client = deployed({"TableName": "the-table"})

    issued = issue("dev", "acme", "web", client=client)

    key = authorize(f"Bearer {issued.key}", keys=DynamoDbKeys("the-table", client("dynamodb")))
    assert key is not None
    assert (key.tenant, key.name) == ("acme", "web")
    assert issued.webhook_secret == webhook_secret("w", "acme")


@mock_aws
def test_reason_is_told_when_the_stage_is_not_deployed() -> None:
    with pytest.raises(LookupError, match="Dailies-dev-Data"):
        issue("dev", "acme", "web", client=deployed(None))


@mock_aws
def test_reason_is_told_when_the_stack_names_no_table() -> None:
    with pytest.raises(LookupError, match="TableName"):
        issue("dev", "acme", "web", client=deployed({}))


def test_stage_is_not_called_absent_when_aws_refuses_to_say() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        table_name(Refused(), "dev")
