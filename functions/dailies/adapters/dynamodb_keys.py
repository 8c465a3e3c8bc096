"""API keys in the one table.

`KEY#<sha256 of the key>`/`KEY` is the key; `TEN#<tenant>`/`KEY#<sha256>` says whose it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import aws_call
from dailies.adapters.dynamodb_queries import Queries
from dailies.adapters.dynamodb_rows import Codec, key
from dailies.domain.access import ApiKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from dailies.adapters.dynamodb_rows import Row

KEYS = Codec(ApiKey)


class DynamoDbKeys:
    """The Keys port on the table `table`."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client

    def find(self, key_sha256: str) -> ApiKey | None:
        """Return the key with that digest, revoked or not, or None (one read)."""
        with aws_call("look an API key up"):
            answer = self._client.get_item(TableName=self._table, Key=_key(key_sha256))
        return KEYS.decode(answer["Item"]) if "Item" in answer else None

    def put(self, key: ApiKey) -> None:
        """Write a key, or its revocation."""
        fields = KEYS.encode(key)
        owned = _of_tenant(key.tenant, key.key_sha256)
        with aws_call("write an API key"):
            self._client.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": self._table, "Item": _key(key.key_sha256) | fields}},
                    {"Put": {"TableName": self._table, "Item": owned | fields}},
                ]
            )

    def exists(self, tenant: str) -> bool:
        """Return whether a tenant has a key that is not revoked."""
        rows = Queries(self._table, self._client).range(f"TEN#{tenant}", "KEY#", "KEY$")
        return any(KEYS.decode(row).revoked_at is None for row in rows)


def _of_tenant(tenant: str, key_sha256: str) -> Row:
    return key(f"TEN#{tenant}", f"KEY#{key_sha256}")


def _key(key_sha256: str) -> Row:
    return key(f"KEY#{key_sha256}", "KEY")
