"""Reading what vendors write: loosely, bounded, and never crashing on junk."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, cast

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import from_json

from dailies.domain.errors import ConfigurationError

MAX_RETRY_AFTER_S = 3600.0
_MAX_DETAIL_CHARS = 500


@dataclass(frozen=True)
class Reply:
    """What a vendor answered, as far as it was read."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    received_at: dt.datetime

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON, or None where it is not JSON (or was too long)."""
        return parse_json(self.body)

    @property
    def retry_after_s(self) -> float | None:
        """How long the vendor asks us to wait, if it does (RFC 9110 §10.2.3)."""
        return retry_after_s(self.headers.get("retry-after"), self.received_at)


def parse_json(text: bytes, *, partial: bool = False) -> Any:
    """Return the JSON value, or None where there is none; `partial` takes one that breaks off."""
    try:
        return from_json(text, allow_partial=partial)
    except ValueError:
        return None


def retry_after_s(value: str | None, now: dt.datetime) -> float | None:
    """Return a Retry-After header (seconds or HTTP date) as seconds from `now`, within an hour."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):  # a year that no date has
            return None
        at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
        seconds = (at - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(seconds) else None


_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/_=.-]{40,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def tidy(text: Any, *secrets: str) -> str:
    """Return a vendor's words fit to keep: a short line without URLs, long tokens or secrets."""
    if not isinstance(text, str):
        return ""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    text = _LONG_TOKEN.sub("***", _URL.sub("<url>", _CONTROL.sub(" ", text)))
    return text.strip()[:_MAX_DETAIL_CHARS]


def credential(secret: Mapping[str, str], name: str, vendor: str) -> str:
    """Return a credential that is fit for a header.

    Raises:
        ConfigurationError: it is missing, or holds what no header may. The message does not quote
            it.
    """
    value = secret.get(name)
    value = value.strip() if isinstance(value, str) else ""
    if not value or not value.isascii() or not value.isprintable():
        raise ConfigurationError(f"The secret providers/{vendor} needs a usable {name!r}.")
    return value


# ---------------------------------------------------------------- loose types for reply models


class LooseModel(BaseModel):
    """A reply as far as we read it: unknown members are ignored, wrong types read as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def as_object(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a JSON array, or an empty one for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def as_objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a JSON array, without whatever else is in it."""
    return [as_object(item) for item in as_list(value) if isinstance(item, dict)]


def as_text(value: Any) -> str:
    """Return a JSON string, or an empty one for anything else."""
    return value if isinstance(value, str) else ""


def as_identifier(value: Any) -> str:
    """Return an id as text: some vendors write theirs as numbers. Blanks are no id."""
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return text if plain and (text := str(value)).strip() else ""


def as_int(value: Any) -> int | None:
    """Return a whole number, also one written as `"3"` or `3.0`; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_number(value: Any) -> float:
    """Return a JSON number that is finite, or 0 for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0.0
    try:
        number = float(value)
    except OverflowError:  # a whole number that no float holds
        return 0.0
    return number if math.isfinite(number) else 0.0


Objects = Annotated[list[dict[str, Any]], BeforeValidator(as_objects)]
Text = Annotated[str, BeforeValidator(as_text)]
Identifier = Annotated[str, BeforeValidator(as_identifier)]
Integer = Annotated[int | None, BeforeValidator(as_int)]
Number = Annotated[float, BeforeValidator(as_number)]
