"""What became of each object that arrived in the drop folder, and the seams to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from dailies.domain.errors import PipelineError
from dailies.domain.jobs import JobRequest

SIDECAR_WAIT = dt.timedelta(seconds=10)
"""How long a picture waits for its sidecar before it takes the folder's prompt."""
HOLD = dt.timedelta(minutes=15)
"""How long an object waits for what it lacks before a problem is reported."""


class ArrivalState(StrEnum):
    """What became of an object."""

    WAITING = "waiting"
    """It lacks something: its sidecar, or an object that it points at."""
    STARTING = "starting"
    """Its job is decided and its money counted: whatever happens now, it is this job."""
    STARTED = "started"
    NOTED = "noted"
    """It starts nothing by itself."""
    USED = "used"
    """A job body pointed at it before it started a job of its own."""
    REFUSED = "refused"
    ENDED = "ended"
    """Its job has ended and the outbox tells how."""


SETTLED = frozenset(ArrivalState) - {ArrivalState.WAITING, ArrivalState.STARTING}
"""States in which another event of the same object changes nothing."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class InputObject(_Frozen):
    """One version of an object that a job takes as an input, and the asset that it becomes."""

    key: str
    version_id: str
    asset_id: str
    content_type: str
    size_bytes: int
    modified_at: dt.datetime


class CapShare(_Frozen):
    """What a job counts for under one cap."""

    folder: str
    """The folder's key."""
    day: str
    """In UTC, `YYYY-MM-DD`."""


class Arrival(_Frozen):
    """One version of one object."""

    tenant: str
    key: str
    version_id: str
    state: ArrivalState
    rev: int = 0
    """Counts the row's writes; each is conditional on it."""
    seen_at: dt.datetime
    """When the object came: what its waiting is counted from."""
    due_at: dt.datetime | None = None
    """When to look at it again; None when there is nothing to wait for."""
    problem: str | None = None
    """Why it waits, or why it was refused: a stable word."""
    job_id: str | None = None
    request: JobRequest | None = None
    inputs: list[InputObject] = Field(default_factory=list[InputObject])
    estimate_usd: Decimal = Decimal(0)
    shares: list[CapShare] = Field(default_factory=list[CapShare])
    """The caps that its estimate counts under; empty once that was given back."""


class SpendCapError(PipelineError):
    """A folder's cap for the day leaves too little; nothing was counted."""

    code = "spend_cap_exceeded"

    def __init__(self, folder: str) -> None:
        super().__init__(f"The day's spending cap of {folder} leaves too little for this job.")
        self.folder = folder


class UnreadableError(PipelineError):
    """An object is there and cannot be read: archived, or encrypted with a key of its owner's."""

    code = "unreadable"


@dataclass(frozen=True)
class Cap:
    """How much jobs from below a folder may cost in a day."""

    folder: str
    usd: Decimal


class ListingPass(_Frozen):
    """A walk through the inbox for objects whose event was lost; interrupted, it goes on."""

    started_at: dt.datetime
    since: dt.datetime
    """Objects that are older were seen by an earlier walk."""
    key_marker: str | None = None
    version_marker: str | None = None
    done: bool = False


class Arrivals(Protocol):
    """The ledger of arrivals. Every method raises StorageError when the store did not answer."""

    def find(self, key: str, version_id: str) -> Arrival | None:
        """Return what became of a version of an object (one consistent read)."""
        ...

    def write(self, arrival: Arrival) -> Arrival:
        """Write the row, last written as `arrival.rev` (0: never); return it as it is now.

        Raises:
            ConflictError: somebody else wrote it since.
        """
        ...

    def begin(self, arrival: Arrival, caps: Sequence[Cap]) -> Arrival:
        """Write the row and count its estimate under each of its `shares`, all or nothing.

        `caps` belong to the shares, in the same order. From then on `of_job` finds it.

        Raises:
            SpendCapError: the estimate does not fit under a cap.
            ConflictError: somebody else wrote the row since.
        """
        ...

    def give_back(self, arrival: Arrival) -> Arrival:
        """Write the row without its shares and take its estimate off their count, all or nothing.

        Raises:
            ConflictError: somebody else wrote the row since.
        """
        ...

    def of_job(self, job_id: str) -> Arrival | None:
        """Return the arrival that a job was made for, or None where it came another way."""
        ...

    def due(self, now: dt.datetime, *, limit: int) -> Iterator[Arrival]:
        """Yield arrivals whose `due_at` has passed, oldest first (eventually consistent)."""
        ...

    def listing_pass(self) -> ListingPass | None:
        """Return the newest walk through the inbox."""
        ...

    def save_pass(self, listing: ListingPass) -> None:
        """Remember how far a walk has come."""
        ...


@dataclass(frozen=True)
class FoundObject:
    """Facts of one version of an object."""

    key: str
    version_id: str
    size_bytes: int
    modified_at: dt.datetime
    readable: bool = True


class DropFolder(Protocol):
    """The bucket as the drop folder sees it. Every method may raise StorageError."""

    def head(self, key: str, version_id: str | None = None) -> FoundObject | None:
        """Return a version, or the newest one; None where there is none, or where it was deleted.

        Raises:
            UnreadableError: nobody but its owner can read it.
        """
        ...

    def read(self, found: FoundObject, *, limit: int) -> bytes:
        """Return the first `limit` bytes of exactly this version.

        Raises:
            UnreadableError: nobody but its owner can read it, or it is gone.
        """
        ...

    def copy(self, key: str, target: str, *, version_id: str | None, content_type: str) -> None:
        """Copy an object of any size, without its metadata and tags. Again is harmless.

        Raises:
            UnreadableError: it is gone, or nobody but its owner can read it.
        """
        ...

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store a small object."""
        ...

    def versions(
        self, key_marker: str | None, version_marker: str | None
    ) -> tuple[tuple[FoundObject, ...], tuple[str, str] | None]:
        """Return a page of the inbox's versions by key, and the markers of the next."""
        ...


class Later(Protocol):
    """Brings an object to `ingest_upload` again."""

    def again(self, arrival: Arrival, *, after_s: int) -> None:
        """Look at the arrival's object in so many seconds. Raises StorageError."""
        ...
