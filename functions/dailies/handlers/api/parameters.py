"""Query parameters and headers that operations take."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from dailies.handlers.api.contract import Parameters


def _digits(value: object) -> object:
    """Refuse what `int` would read but the document does not allow: signs, spaces, underscores."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,18}", value):
        raise ValueError("It must be a whole number without sign.")
    return value


class CreateHeaders(Parameters):
    """What a creating request must carry."""

    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")] = Field(
        alias="Idempotency-Key",
        description="Makes a repeated request harmless: the same key and the same body get the "
        "first answer again.",
        examples=["3f1c6f0e-5d3b-4a57-9a55-0f6a2f6d8f11"],
    )


class ReadHeaders(Parameters):
    """What a read may carry."""

    if_none_match: str | None = Field(
        default=None,
        alias="If-None-Match",
        description="The `ETag` of what you have: unless the job has changed the answer is 304, "
        "without a body.",
    )
    prefer: str | None = Field(
        default=None,
        alias="Prefer",
        description="`wait=N` (RFC 7240): answer when the job changes, or after N seconds "
        "(20 at most). Other preferences are ignored.",
        examples=["wait=20"],
    )


class PageQuery(Parameters):
    """Which page."""

    limit: Annotated[int, BeforeValidator(_digits)] = Field(
        default=20, ge=1, le=100, description="How many at most."
    )
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        default=None, description="The `next_cursor` of the page before."
    )


class EventQuery(Parameters):
    """Which events."""

    after: Annotated[int, BeforeValidator(_digits)] = Field(
        default=0, ge=0, le=999_999, description="Only events with a higher `seq`."
    )
    limit: Annotated[int, BeforeValidator(_digits)] = Field(
        default=100, ge=1, le=1000, description="How many at most."
    )
