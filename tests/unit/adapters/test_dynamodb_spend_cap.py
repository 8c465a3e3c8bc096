"""Caps on spending, on DynamoDB."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dailies.adapters.dynamodb_spend_cap import DynamoDbSpendCap
from dailies.domain.spending import OverCapError
from tests.unit.adapters.conftest import TABLE

CAPS = {"kling": Decimal("1.00")}
PRICE = Decimal("0.42")


@pytest.fixture
def cap(dynamodb: Any) -> DynamoDbSpendCap:
    return DynamoDbSpendCap(TABLE, dynamodb, CAPS)


def test_orders_are_refused_when_the_next_one_would_pass_the_cap(cap: DynamoDbSpendCap) -> None:
    for number in range(2):
        cap.take("kling", f"att_{number}", PRICE)

    with pytest.raises(OverCapError, match=r"\$0.42 more .* \$1.00"):
        cap.take("kling", "att_2", PRICE)

    cap.take("kling", "att_3", Decimal("0.16"))


def test_order_counts_once_when_it_is_sent_again(cap: DynamoDbSpendCap) -> None:
    for _ in range(5):
        cap.take("kling", "att_1", PRICE)

    cap.take("kling", "att_2", PRICE)


def test_nothing_is_counted_when_the_vendor_has_no_cap(cap: DynamoDbSpendCap) -> None:
    for number in range(5):
        cap.take("google", f"att_{number}", Decimal(100))


def test_order_is_refused_when_it_alone_is_dearer_than_the_cap(cap: DynamoDbSpendCap) -> None:
    with pytest.raises(OverCapError):
        cap.take("kling", "att_1", Decimal("1.01"))


def test_more_may_be_ordered_when_the_cap_was_raised(cap: DynamoDbSpendCap, dynamodb: Any) -> None:
    for number in range(2):
        cap.take("kling", f"att_{number}", PRICE)

    DynamoDbSpendCap(TABLE, dynamodb, {"kling": Decimal("1.26")}).take("kling", "att_2", PRICE)
