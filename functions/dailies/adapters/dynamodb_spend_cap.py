"""Caps on spending in the one table: `CAP#<vendor>`/`SUM`, and a row per counted attempt.

An order counts when it is about to be sent, with its list price, and stays counted: what a vendor
refused was perhaps not charged, but a cap that errs must err below.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import ConditionFailedError, RowBusyError, aws_call
from dailies.adapters.dynamodb_rows import key
from dailies.domain.errors import StorageError
from dailies.domain.spending import OverCapError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_COUNTED = 0
"""Place of an attempt's row in the transaction."""


class DynamoDbSpendCap:
    """The SpendCap port on the table `table`."""

    def __init__(self, table: str, client: DynamoDBClient, caps_usd: Mapping[str, Decimal]) -> None:
        self._table = table
        self._client = client
        self._caps_usd = caps_usd

    def take(self, vendor: str, attempt_id: str, price_usd: Decimal) -> None:
        """Count an order, once however often it is sent."""
        cap_usd = self._caps_usd.get(vendor)
        if cap_usd is None:
            return
        if price_usd > cap_usd:
            raise _over(vendor, price_usd, cap_usd)
        try:
            self._count(vendor, attempt_id, price_usd, cap_usd)
        except ConditionFailedError as exc:
            if exc.refuses(_COUNTED):  # an earlier send of the same order
                return
            raise _over(vendor, price_usd, cap_usd) from exc
        except RowBusyError as exc:
            raise StorageError("Another order was being counted.") from exc

    def _count(self, vendor: str, attempt_id: str, price_usd: Decimal, cap_usd: Decimal) -> None:
        pk = f"CAP#{vendor}"
        with aws_call("count an order against its cap"):
            self._client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self._table,
                            "Item": {**key(pk, attempt_id), "usd": {"N": str(price_usd)}},
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                    {
                        "Update": {
                            "TableName": self._table,
                            "Key": key(pk, "SUM"),
                            "UpdateExpression": "ADD usd :price",
                            "ConditionExpression": "attribute_not_exists(usd) OR usd <= :room",
                            "ExpressionAttributeValues": {
                                ":price": {"N": str(price_usd)},
                                ":room": {"N": str(cap_usd - price_usd)},
                            },
                        }
                    },
                ]
            )


def _over(vendor: str, price_usd: Decimal, cap_usd: Decimal) -> OverCapError:
    return OverCapError(
        f"{vendor} was not asked: ${price_usd} more would pass the cap of ${cap_usd}."
    )
