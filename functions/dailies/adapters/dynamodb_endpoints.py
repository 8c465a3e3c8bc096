"""Disabled webhook addresses in the one table: `HOOK#<tenant>#<sha256 of the URL>`/`HOOK`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import ConditionFailedError, aws_call
from dailies.adapters.dynamodb_rows import as_attribute, digest, key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from dailies.adapters.dynamodb_rows import Row


class DynamoDbEndpoints:
    """The WebhookEndpoints port on the table `table`: only a disabled address has a row."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client

    def is_disabled(self, tenant: str, url: str) -> bool:
        """Return whether the tenant's address is disabled."""
        with aws_call("look a webhook address up"):
            answer = self._client.get_item(
                TableName=self._table, Key=_key(tenant, url), ConsistentRead=True
            )
        return "Item" in answer

    def disable(self, tenant: str, url: str, *, reason: str, at: dt.datetime) -> None:
        """Disable an address; the first reason stands."""
        row = _key(tenant, url)
        row |= {"disabled_at": as_attribute(at), "reason": as_attribute(reason)}
        try:
            with aws_call("disable a webhook address"):
                self._client.put_item(
                    TableName=self._table,
                    Item=row,
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except ConditionFailedError:
            return


def _key(tenant: str, url: str) -> Row:
    return key(f"HOOK#{tenant}#{digest(url)}", "HOOK")
