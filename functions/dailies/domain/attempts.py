"""An attempt: one paid call to one vendor, recorded before it is made."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dailies.domain.assets import PartialUpload
from dailies.domain.outcomes import BilledAmount, Handle, Output


class AttemptState(StrEnum):
    """Where an attempt is.

    The first row moves forward; the others are ends, but for `unknown`, which waits to be resolved.
    """

    RESERVED = "reserved"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    GENERATING = "generating"
    FETCHING = "fetching"
    STORED = "stored"

    UNKNOWN = "unknown"
    """The submit was sent, or may have been; nobody knows whether the vendor has the task."""

    REJECTED = "rejected"
    """The vendor certainly did not take it."""
    FAILED = "failed"
    BLOCKED = "blocked"
    ABANDONED = "abandoned"
    """Closed by us before anything was sent."""


HAS_HANDLE = frozenset({AttemptState.SUBMITTED, AttemptState.GENERATING})
AMBIGUOUS = frozenset({AttemptState.SUBMITTING, AttemptState.UNKNOWN})
ENDED_WITHOUT_RESULT = frozenset(
    {AttemptState.REJECTED, AttemptState.FAILED, AttemptState.BLOCKED, AttemptState.ABANDONED}
)


class Charge(BaseModel):
    """What an attempt cost."""

    model_config = ConfigDict(frozen=True)

    amount_usd: Decimal
    basis: Literal["vendor", "catalogue"]
    """`vendor`: the vendor's reply says so. `catalogue`: its price list, as we hold it."""
    billed: BilledAmount | None = None


class AttemptFailure(BaseModel):
    """Why an attempt ended without a result."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    vendor_code: str = ""
    reasons: list[str] = Field(default_factory=list)
    may_fail_over: bool = False
    """Whether another vendor may be asked.

    Not after a moderation verdict, an invalid request, or a paid result.
    """


class Attempt(BaseModel):
    """One row of the ledger: one paid call to one vendor."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    number: int
    """1 for the first; the row's key within the job."""
    attempt_id: str
    """Our external id at the vendor."""
    step: int = 0
    """Which step of the job it serves."""
    route: int = 0
    """Index into the job's route list."""
    vendor: str
    model: str
    state: AttemptState = AttemptState.RESERVED
    created_at: dt.datetime
    submitting_at: dt.datetime | None = None
    """When the last submit began: the start of the time in which its outcome may be in doubt."""
    submitted_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    submits: int = 0
    """How often the vendor was called to submit: more than one only after a certain refusal."""
    lookups: int = 0
    polls: int = 0
    fetches: int = 0
    """How often its download was begun anew."""
    handle: Handle | None = None
    outputs: list[Output] = Field(default_factory=list[Output])
    billed: BilledAmount | None = None
    charge: Charge | None = None
    failure: AttemptFailure | None = None
    asset_id: str | None = None
    upload: PartialUpload | None = None
    """A download under way, to be continued by the next invocation of Store."""
    resolution: str = ""
    """What was asked for, with `duration_s`: generations of a kind take alike long."""
    duration_s: int = 0
    degraded: list[str] = Field(default_factory=list)
    """Options that this vendor does not know and the caller allowed to be dropped."""

    @property
    def latency_key(self) -> str:
        """The key under which durations of this kind of generation are learned."""
        return f"{self.vendor}#{self.model}#{self.resolution}#{self.duration_s}"
