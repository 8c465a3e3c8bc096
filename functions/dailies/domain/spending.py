"""A cap on what may be ordered at vendors: where there is one, nothing is ordered beyond it."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from dailies.domain.errors import PipelineError


class OverCapError(PipelineError):
    """The stage may not order this: its cap would be passed. Nothing was sent."""

    code = "over_cap"


class SpendCap(Protocol):
    """Counts what is ordered, before it is ordered."""

    def take(self, vendor: str, attempt_id: str, price_usd: Decimal) -> None:
        """Count an order, once however often it is sent; a vendor without a cap is not counted.

        Raises:
            OverCapError: it would pass the cap of its vendor.
            StorageError: it is not known whether there is room: nothing may be ordered.
        """
        ...
