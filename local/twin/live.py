"""A real vendor in the twin: what it is called with, and what may be spent there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class Live:
    """One vendor that is not simulated. Results come by polling: nobody can call a laptop back."""

    vendor: str
    credentials: Mapping[str, str] = field(repr=False)
    """What the vendor's secret holds."""
    max_cost_usd: Decimal
    """Cap on everything ordered there from this folder, counted by list price."""
    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    """Addresses in place of the vendor's own, for tests."""
    outbound_allow: tuple[str, ...] = ()
    """`host:port` from which results may come although not public, for tests."""
