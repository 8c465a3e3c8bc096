"""Links to assets in the one table: `LNK#<sha256 of the token>`/`LNK`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import aws_call
from dailies.adapters.dynamodb_rows import Codec, epoch_s, key
from dailies.domain.access import Link

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from dailies.adapters.dynamodb_rows import Row

LINKS = Codec(Link)
KEPT_AFTER_END = dt.timedelta(days=30)
"""So long a visitor is told that a link has ended, and not that there never was one."""


class DynamoDbLinks:
    """The Links port on the table `table`."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client

    def find(self, token_sha256: str) -> Link | None:
        """Return the link with that digest, ended or not, or None (one read).

        The read is strongly consistent: a revoked link must not work a moment longer.
        """
        with aws_call("look a link up"):
            answer = self._client.get_item(
                TableName=self._table, Key=_key(token_sha256), ConsistentRead=True
            )
        return LINKS.decode(answer["Item"]) if "Item" in answer else None

    def put(self, link: Link) -> None:
        """Write a link, or its revocation. The row goes weeks after `expires_at`, not before."""
        row = _key(link.token_sha256) | LINKS.encode(link)
        row["ttl"] = {"N": str(epoch_s(link.expires_at + KEPT_AFTER_END))}
        with aws_call("write a link"):
            self._client.put_item(TableName=self._table, Item=row)


def _key(token_sha256: str) -> Row:
    return key(f"LNK#{token_sha256}", "LNK")
