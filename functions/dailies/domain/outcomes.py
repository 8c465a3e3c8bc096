"""What a vendor can answer, as values.

A vendor's "failed" is data; exceptions mean that we could not find out.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Handle(_Value):
    """What finds a task at its vendor again. Only the adapter that made it reads `data`."""

    vendor: str
    version: int = 1
    """Raised when `data` changes its shape; an adapter reads every version it ever wrote."""
    data: dict[str, Any]


class Output(_Value):
    """One result at the vendor, as the adapter needs it to fetch the bytes.

    `data` is opaque, like a handle's.
    """

    content_type: str
    data: dict[str, Any]


class BilledAmount(_Value):
    """What the vendor says it charged, in its own unit."""

    amount: Decimal
    unit: str
    """`usd`, or the vendor's own unit (`kling_unit`)."""
    amount_usd: Decimal | None = None
    """In US dollars, where the vendor's reply tells."""


class Pending(_Value):
    """Not finished."""

    kind: Literal["pending"] = "pending"
    started: bool = True
    """False while it queues at the vendor."""
    fraction: float | None = None
    """Measured progress between 0 and 1, only where the vendor reports one."""
    unknown_status: str | None = None
    """A status word that the adapter does not know: counted, never taken for an end."""


class Succeeded(_Value):
    """Finished, with at least one usable output."""

    kind: Literal["succeeded"] = "succeeded"
    outputs: list[Output] = Field(min_length=1)
    billed: BilledAmount | None = None
    finished_at: dt.datetime | None = None
    """When it was finished by the vendor's own clock, where the vendor tells."""


class FailureCode(StrEnum):
    """Why a task ended without a result, in our words."""

    VENDOR_FAILED = "vendor_failed"
    INPUT_REJECTED = "input_rejected"
    RESULT_MISSING = "result_missing"
    RESULT_EXPIRED = "result_expired"
    CANCELED = "canceled"


class Failed(_Value):
    """The vendor ended it without a result."""

    kind: Literal["failed"] = "failed"
    code: FailureCode
    message: str
    vendor_code: str = ""
    billed: BilledAmount | None = None


class Blocked(_Value):
    """The vendor's moderation withheld results, all of them or some."""

    kind: Literal["blocked"] = "blocked"
    reasons: list[str] = Field(min_length=1)
    vendor_code: str = ""
    billed: BilledAmount | None = None


PollOutcome = Annotated[Pending | Succeeded | Failed | Blocked, Field(discriminator="kind")]


class Finished(_Value):
    """The answer to a submit by a vendor that works while we wait: the outcome itself."""

    outcome: Succeeded | Failed | Blocked


class Found(_Value):
    """A look-up found the task."""

    handle: Handle


class NotCreated(_Value):
    """A look-up proved that the vendor has no such task."""


class CannotTell(_Value):
    """The vendor has no way to tell, or not yet."""

    reason: str = ""


LookupOutcome = Found | NotCreated | CannotTell


class CallbackHint(_Value):
    """A verified callback: worth a poll, and nothing more."""

    terminal: bool
    """Whether the callback says that the task has ended."""


class Base64Member(_Value):
    """Says that the bytes are a base64 string inside a JSON reply.

    `path` leads there, e.g. ``("response", "videos", 0, "bytesBase64Encoded")``.
    """

    path: tuple[str | int, ...]


class Download(_Value):
    """How to fetch one output's bytes: made at fetch time, never stored, never logged."""

    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """May hold our credential: sent to this URL's origin only, never along a redirect."""
    body: bytes | None = Field(default=None, repr=False)
    content_type: str = "video/mp4"
    base64_member: Base64Member | None = None
    """Where the bytes stand inside a JSON reply; None where the reply is the bytes."""
