"""The ledger's queries: one per question, each following its pages as far as its reader goes."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from dailies.adapters import dynamodb_rows as rows
from dailies.adapters.aws_errors import aws_call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from dailies.adapters.dynamodb_rows import Row

DUE = "due"
BY_TENANT = "by_tenant"
_PAGE = 100


class Queries:
    """Asks the table and its two indexes; rows come as they are kept."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client

    def range(self, pk: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        """Yield a partition's rows from sort key `first` to `last`, strongly consistent."""
        return self._pages(
            {
                "TableName": self._table,
                "ConsistentRead": True,
                "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
                "ExpressionAttributeValues": {
                    ":pk": {"S": pk},
                    ":first": {"S": first},
                    ":last": {"S": last},
                },
            },
            limit,
        )

    def jobs_of(self, tenant: str, *, after: str | None, limit: int) -> Iterator[Row]:
        """Yield a tenant's job rows, newest first, those older than the job `after` only."""
        condition, values = "tenant_pk = :tenant", {":tenant": {"S": rows.tenant_pk(tenant)}}
        if after is not None:
            condition += " AND job_id < :after"
            values[":after"] = {"S": after}
        return self._pages(
            {
                "TableName": self._table,
                "IndexName": BY_TENANT,
                "ScanIndexForward": False,
                "KeyConditionExpression": condition,
                "ExpressionAttributeValues": cast("dict[str, Any]", values),
            },
            limit,
        )

    def due(self, partitions: list[str], until: str, *, limit: int) -> Iterator[Row]:
        """Yield rows of partitions of the index `due` up to the time `until`, oldest first."""
        queries = [
            self._pages(
                {
                    "TableName": self._table,
                    "IndexName": DUE,
                    "KeyConditionExpression": "due_pk = :due_pk AND due_at <= :until",
                    "ExpressionAttributeValues": {":due_pk": {"S": pk}, ":until": {"S": until}},
                },
                limit,
            )
            for pk in partitions
        ]
        return islice(heapq.merge(*queries, key=lambda row: rows.text(row, "due_at")), limit)

    def _pages(self, query: QueryInputTypeDef, limit: int | None) -> Iterator[Row]:
        left = limit
        while left is None or left > 0:
            if left is not None:
                query["Limit"] = min(left, _PAGE)
            with aws_call("query the ledger"):
                answer = self._client.query(**query)
            yield from cast("list[Row]", answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            if left is not None:
                left -= len(answer["Items"])
