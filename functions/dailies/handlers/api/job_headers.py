"""Headers of answers about jobs."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import format_datetime

from dailies.domain.catalogue import Catalogue
from dailies.services.create_job import lifecycle_of

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?(?=$|[,;\s])", re.IGNORECASE)
_MAX_WAIT_S = 20
_RETRY_AFTER_S = (2, 15)
"""Bounds of the advice when to read a job again: a tenth of the model's usual time."""


def preferred_wait_s(prefer: str | None) -> int | None:
    """Return the `wait` preference (RFC 7240) as far as it is honoured, or None."""
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), _MAX_WAIT_S) if match else None


def retry_after(ref: str | None, catalogue: Catalogue) -> str:
    """Return when a job of the model is worth reading again; None: no model is asked."""
    found = catalogue.find(ref) if ref else None
    low, high = _RETRY_AFTER_S
    return str(min(high, max(low, round(found[1].latency_s.p50 / 10)))) if found else str(high)


def lifecycle_headers(routes: list[str], catalogue: Catalogue) -> dict[str, str]:
    """Return `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) as the catalogue dates them."""
    lifecycle = lifecycle_of(routes, catalogue)
    headers: dict[str, str] = {}
    if lifecycle.deprecated_on is not None:
        headers["Deprecation"] = f"@{int(_midnight(lifecycle.deprecated_on).timestamp())}"
    if lifecycle.retires_on is not None:
        headers["Sunset"] = format_datetime(_midnight(lifecycle.retires_on), usegmt=True)
    return headers


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
