"""The ledger: jobs, attempts, events and assets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt
from dailies.domain.changes import Change, Creation, Replay
from dailies.domain.deliveries import Delivery
from dailies.domain.events import Event
from dailies.domain.jobs import Job

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """A job and its attempts, read consistently."""

    job: Job
    attempts: tuple[Attempt, ...]

    @property
    def current(self) -> Attempt | None:
        """The newest attempt, or None before the first."""
        return self.attempts[-1] if self.attempts else None

    def attempt(self, number: int) -> Attempt | None:
        """Return the attempt with that number, or None."""
        return next((a for a in self.attempts if a.number == number), None)


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a listing; `cursor` continues it, None at the end."""

    items: tuple[T, ...]
    cursor: str | None


class Ledger(Protocol):
    """Jobs, attempts, events and assets, with all-or-nothing conditional writes.

    Every method raises StorageError when the store did not answer.
    """

    def create(self, creation: Creation) -> Replay | None:
        """Write a new job with its first event and its idempotency record in one transaction.

        Returns:
            None when it was created; the earlier answer's record when the idempotency key was used
            before.

        Raises:
            InvalidRequestError: an asset that the job refers to does not exist for this tenant.
            ConflictError: another request with the same idempotency key is being written now.
        """
        ...

    def earlier(self, tenant: str, idempotency_key: str, now: dt.datetime) -> Replay | None:
        """Return the record of an idempotency key that was used before (one read), or None."""
        ...

    def snapshot(self, job_id: str) -> Snapshot | None:
        """Return job and attempts (one strongly consistent query), or None."""
        ...

    def job(self, job_id: str, *, consistent: bool = True) -> Job | None:
        """Return the job row alone (one read)."""
        ...

    def apply(self, change: Change) -> None:
        """Write a change in one transaction.

        Raises:
            ConflictError: one of its conditions did not hold; nothing was written.
        """
        ...

    def signal(self, job_id: str, attempt: int | None = None, *, limit: int = 50) -> Job | None:
        """Add one to `signal_seq` and return the job after it, or None if there is no such job.

        With `attempt` it counts against that attempt's own limit of signals; past the limit nothing
        changes and None is returned.
        """
        ...

    def jobs(self, tenant: str, *, limit: int, cursor: str | None = None) -> Page[Job]:
        """Return a tenant's jobs, newest first.

        Raises:
            InvalidRequestError: the cursor is not one of ours.
        """
        ...

    def events(self, job_id: str, *, after: int = 0, limit: int = 100) -> tuple[Event, ...]:
        """Return a job's events with a number above `after`, in order."""
        ...

    def due(self, now: dt.datetime, *, limit: int) -> Iterator[Job]:
        """Yield jobs whose `due_at` has passed, oldest first (eventually consistent)."""
        ...

    def unpublished(self, before: dt.datetime, *, limit: int) -> Iterator[Event]:
        """Yield outbox events written before `before` that nobody has marked published."""
        ...

    def mark_published(self, event: Event) -> None:
        """Take an event out of the outbox. Doing it twice is harmless."""
        ...

    def asset(self, asset_id: str) -> Asset | None:
        """Return an asset, or None. The caller checks the tenant."""
        ...

    def put_asset(self, asset: Asset) -> None:
        """Write an asset row (an upload's, or facts added by Probe)."""
        ...

    def begin_delivery(self, delivery: Delivery) -> bool:
        """Write the line of a try that begins now, unless the log has it (event, sink, attempt).

        Returns:
            False when it has: somebody else makes this try.
        """
        ...

    def record_delivery(self, delivery: Delivery) -> None:
        """Write one line of a job's delivery log; the same try again replaces it."""
        ...

    def deliveries(self, job_id: str) -> tuple[Delivery, ...]:
        """Return a job's delivery log by event, sink and try."""
        ...
