"""The drop folder in memory: a versioned bucket, the ledger of arrivals, a queue, tenants."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dailies.domain.arrivals import (
    Arrival,
    Cap,
    FoundObject,
    ListingPass,
    SpendCapError,
    UnreadableError,
)
from dailies.domain.catalogue import load_catalogue
from dailies.domain.errors import ConflictError
from dailies.services.start_arrival import InboxPorts
from tests.fakes.api import RecordedWorkflow, WaitingClock
from tests.fakes.ledger import InMemoryLedger

Interrupt = Callable[[str, str], None]


@dataclass
class Version:
    """One version of an object in memory."""

    version_id: str
    data: bytes
    modified_at: dt.datetime
    size_bytes: int | None = None
    readable: bool = True


class InMemoryFolder:
    """The DropFolder port in memory; `interrupt` is called around each write."""

    def __init__(self, clock: WaitingClock) -> None:
        self.interrupt: Interrupt = lambda phase, write: None
        self.objects: dict[str, list[Version]] = {}
        self._clock = clock
        self._count = 0
        self.broken: tuple[str, str] | None = None
        """Key and version that cannot be read, for no reason that we know."""
        self.sealed: str | None = None
        """Key of what only its owner can read."""

    def upload(self, key: str, data: bytes, *, size_bytes: int | None = None) -> str:
        """Do what a person does: add a version, and return its id."""
        self._count += 1
        version = Version(f"v{self._count}", data, self._clock.now(), size_bytes)
        self.objects.setdefault(key, []).append(version)
        return version.version_id

    def head(self, key: str, version_id: str | None = None) -> FoundObject | None:
        if key == self.sealed:
            raise UnreadableError("sealed")
        version = self._find(key, version_id)
        if version is None:
            return None
        size = len(version.data) if version.size_bytes is None else version.size_bytes
        return FoundObject(key, version.version_id, size, version.modified_at, version.readable)

    def read(self, found: FoundObject, *, limit: int) -> bytes:
        if (found.key, found.version_id) == self.broken:
            raise RuntimeError("broken")
        version = self._find(found.key, found.version_id)
        if version is None or not version.readable:
            raise UnreadableError("gone")
        return version.data[:limit]

    def copy(self, key: str, target: str, *, version_id: str | None, content_type: str) -> None:
        version = self._find(key, version_id)
        if version is None:
            raise UnreadableError("gone")
        self.put(target, version.data, content_type)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        assert not key.startswith("inbox/")
        self.interrupt("before", f"put {key.partition('/')[0]}")
        self.upload(key, data)
        self.interrupt("after", f"put {key.partition('/')[0]}")

    def versions(
        self, key_marker: str | None, version_marker: str | None
    ) -> tuple[tuple[FoundObject, ...], tuple[str, str] | None]:
        """One object's versions a page."""
        keys = sorted(k for k in self.objects if k.startswith("inbox/") and k > (key_marker or ""))
        if not keys:
            return (), None
        page = (self.head(keys[0], v.version_id) for v in self.objects[keys[0]])
        markers = (keys[0], "") if len(keys) > 1 else None
        return tuple(found for found in page if found), markers

    def _find(self, key: str, version_id: str | None) -> Version | None:
        versions = self.objects.get(key, [])
        if version_id is None:
            return versions[-1] if versions else None
        return next((v for v in versions if v.version_id == version_id), None)


class InMemoryArrivals:
    """The Arrivals port in memory; `interrupt` is called around each write."""

    def __init__(self) -> None:
        self.interrupt: Interrupt = lambda phase, write: None
        self.rows: dict[tuple[str, str], Arrival] = {}
        self.counted: dict[tuple[str, str, str], Decimal] = {}
        self._jobs: dict[str, tuple[str, str]] = {}
        self._pass: ListingPass | None = None

    def find(self, key: str, version_id: str) -> Arrival | None:
        return self.rows.get((key, version_id))

    def write(self, arrival: Arrival) -> Arrival:
        self.interrupt("before", "write")
        written = self._write(arrival)
        self.interrupt("after", "write")
        return written

    def _write(self, arrival: Arrival) -> Arrival:
        self._check(arrival)
        written = arrival.model_copy(update={"rev": arrival.rev + 1})
        self.rows[arrival.key, arrival.version_id] = written
        return written

    def _check(self, arrival: Arrival) -> None:
        row = self.rows.get((arrival.key, arrival.version_id))
        if (row.rev if row else 0) != arrival.rev:
            raise ConflictError("somebody else wrote it")

    def begin(self, arrival: Arrival, caps: Sequence[Cap]) -> Arrival:
        self.interrupt("before", "begin")
        self._check(arrival)
        counted = dict(self.counted)
        for share, cap in zip(arrival.shares, caps, strict=True):
            place = (arrival.tenant, share.folder, share.day)
            counted[place] = counted.get(place, Decimal(0)) + arrival.estimate_usd
            if counted[place] > cap.usd:
                raise SpendCapError(cap.folder)
        self.counted = counted
        assert arrival.job_id is not None
        self._jobs[arrival.job_id] = (arrival.key, arrival.version_id)
        written = self._write(arrival)
        self.interrupt("after", "begin")
        return written

    def give_back(self, arrival: Arrival) -> Arrival:
        self.interrupt("before", "give_back")
        self._check(arrival)
        for share in arrival.shares:
            self.counted[arrival.tenant, share.folder, share.day] -= arrival.estimate_usd
        written = self._write(arrival.model_copy(update={"shares": []}))
        self.interrupt("after", "give_back")
        return written

    def of_job(self, job_id: str) -> Arrival | None:
        place = self._jobs.get(job_id)
        return self.rows[place] if place else None

    def due(self, now: dt.datetime, *, limit: int) -> Iterator[Arrival]:
        due = [a for a in self.rows.values() if a.due_at is not None and a.due_at <= now]
        yield from sorted(due, key=lambda a: a.due_at or now)[:limit]

    def listing_pass(self) -> ListingPass | None:
        return self._pass

    def save_pass(self, listing: ListingPass) -> None:
        self._pass = listing


@dataclass
class RecordedLater:
    """The Later port: remembers what it was asked."""

    asked: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    interrupt: Interrupt = field(default=lambda phase, write: None)

    def again(self, arrival: Arrival, *, after_s: int) -> None:
        self.interrupt("before", "again")
        self.asked.append((arrival.key, arrival.version_id, after_s))


@dataclass
class Tenants:
    """The Tenants port in memory."""

    names: set[str] = field(default_factory=lambda: {"acme", "other"})

    def exists(self, tenant: str) -> bool:
        return tenant in self.names


class InboxFakes:
    """Everything that taking in uploads needs, in memory."""

    def __init__(self, daily_cap_usd: str = "10") -> None:
        self.clock = WaitingClock()
        self.folder = InMemoryFolder(self.clock)
        self.arrivals = InMemoryArrivals()
        self.later = RecordedLater()
        self.ledger = InMemoryLedger()
        self.workflow = RecordedWorkflow()
        self.tenants = Tenants()
        self.ports = InboxPorts(
            arrivals=self.arrivals,
            folder=self.folder,
            later=self.later,
            tenants=self.tenants,
            ledger=self.ledger,
            workflow=self.workflow,
            catalogue=load_catalogue(),
            clock=self.clock,
            daily_cap_usd=Decimal(daily_cap_usd),
        )

    def interrupt(self, interrupt: Interrupt) -> None:
        """Call this around every write."""
        self.folder.interrupt = self.arrivals.interrupt = interrupt
        self.ledger.interrupt = self.later.interrupt = interrupt
