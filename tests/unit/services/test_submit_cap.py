"""A cap on spending stands where every order passes: before the record of the paid call."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from dailies.domain.attempts import AttemptState
from dailies.domain.errors import StorageError
from dailies.domain.spending import OverCapError
from dailies.domain.steps import Outcome
from tests.unit.services.test_submit import desk


@dataclass
class Cap:
    """The SpendCap port: counts, or refuses."""

    refusal: Exception | None = None
    taken: list[tuple[str, str, Decimal]] = field(default_factory=list)

    def take(self, vendor: str, attempt_id: str, price_usd: Decimal) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.taken.append((vendor, attempt_id, price_usd))


def test_order_is_counted_with_its_list_price_before_it_is_sent() -> None:
    at, cap = desk(), Cap()
    at.replace(cap=cap)
    counted: list[int] = []
    at.vendor.interrupt = lambda phase, call: counted.append(len(cap.taken))

    at.submit()

    assert cap.taken == [("kling", at.attempt.attempt_id, Decimal("0.420"))]
    assert set(counted) == {1}


def test_nothing_is_sent_or_failed_over_when_the_cap_would_be_passed() -> None:
    at = desk()
    at.replace(cap=Cap(OverCapError("kling was not asked: $0.42 more would pass the cap of $0.")))

    result = at.submit()

    assert result.outcome is Outcome.END
    assert at.attempt.state is AttemptState.REJECTED
    assert at.attempt.failure is not None and at.attempt.failure.code == "over_cap"
    assert at.attempt.submits == 0


def test_attempt_stays_reserved_when_the_cap_cannot_be_read() -> None:
    at = desk()
    at.replace(cap=Cap(StorageError("no answer")))

    with pytest.raises(StorageError):
        at.submit()

    assert (at.attempt.state, at.attempt.submits) == (AttemptState.RESERVED, 0)
