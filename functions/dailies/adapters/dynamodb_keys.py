"""API keys in the one table: `KEY#<sha256 of the key>`/`KEY`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import aws_call
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
        row = _key(key.key_sha256) | KEYS.encode(key)
        with aws_call("write an API key"):
            self._client.put_item(TableName=self._table, Item=row)


def _key(key_sha256: str) -> Row:
    return key(f"KEY#{key_sha256}", "KEY")
