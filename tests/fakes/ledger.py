"""A ledger in memory, with the conditions and errors of the one on DynamoDB.

Both run through `tests/unit/adapters/test_ledger_contract.py`, so that they cannot drift apart.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from dailies.adapters import cursors
from dailies.adapters.dynamodb_rows import IDEMPOTENCY_KEPT, epoch_s
from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt
from dailies.domain.changes import Change, Creation, Replay
from dailies.domain.deliveries import Delivery
from dailies.domain.errors import ConflictError
from dailies.domain.events import PUBLISHED, Event
from dailies.domain.jobs import Job
from dailies.domain.ports import Page, Snapshot

_NOT_BY_CHANGES = {"signal_seq", "token"}


class InMemoryLedger:
    """The Ledger port in memory; safe to use from several threads.

    `interrupt` is called around each of the writes `create`, `apply` and `signal`, as
    `interrupt("before", "apply")` and `interrupt("after", "apply")`: what it raises after a write
    leaves the write done, as a lost answer does.
    """

    def __init__(self) -> None:
        self.interrupt: Callable[[str, str], None] = lambda phase, write: None
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._signals: dict[tuple[str, int], int] = {}
        self._events: dict[tuple[str, int], Event] = {}
        self._outbox: set[tuple[str, int]] = set()
        self._assets: dict[str, Asset] = {}
        self._keys: dict[tuple[str, str], tuple[Replay, int]] = {}
        self._deliveries: dict[tuple[str, str, str, int], Delivery] = {}

    # ------------------------------------------------------------ writes

    def create(self, creation: Creation) -> Replay | None:
        self.interrupt("before", "create")
        with self._lock:
            replay = self._create(creation)
        self.interrupt("after", "create")
        return replay

    def _create(self, creation: Creation) -> Replay | None:
        job, event = creation.job, creation.event
        key = (job.tenant, creation.idempotency_key)
        earlier = self._keys.get(key)
        if earlier is not None and earlier[1] > epoch_s(job.created_at):
            return earlier[0]
        missing = [
            asset_id
            for asset_id in creation.needs_assets
            if (asset := self._assets.get(asset_id)) is None or asset.tenant != job.tenant
        ]
        if missing:
            raise creation.assets_missing(missing)
        if job.job_id in self._jobs or (event.job_id, event.seq) in self._events:
            raise ConflictError("the job exists")
        replay = Replay(job.job_id, creation.body_sha256, creation.answer)
        self._keys[key] = (replay, epoch_s(job.created_at + IDEMPOTENCY_KEPT))
        self._jobs[job.job_id] = job
        self._add_event(event)
        return None

    def earlier(self, tenant: str, idempotency_key: str, now: dt.datetime) -> Replay | None:
        with self._lock:
            known = self._keys.get((tenant, idempotency_key))
        return None if known is None or known[1] <= epoch_s(now) else known[0]

    def apply(self, change: Change) -> None:
        self.interrupt("before", "apply")
        with self._lock:
            self._check(change)
            before, after = change.before, change.after
            fields: dict[str, Any] = {
                name: getattr(after, name)
                for name in Job.model_fields
                if name not in _NOT_BY_CHANGES and getattr(after, name) != getattr(before, name)
            }
            job_id = before.job_id
            self._jobs[job_id] = self._jobs[job_id].model_copy(update=fields)
            if change.attempt is not None:
                self._attempts[job_id, change.attempt.number] = change.attempt
            for event in change.events:
                self._add_event(event)
            for asset in change.assets:
                self._assets[asset.asset_id] = asset
        self.interrupt("after", "apply")

    def _check(self, change: Change) -> None:
        before, attempt = change.before, change.attempt
        job = self._jobs.get(before.job_id)
        if job is None or (job.run, job.event_seq) != (before.run, before.event_seq):
            raise ConflictError("the job has gone on")
        if job.state not in change.states:
            raise ConflictError(f"the job is {job.state}")
        if attempt is not None:
            row = self._attempts.get((attempt.job_id, attempt.number))
            if (None if row is None else row.state) != change.attempt_was:
                raise ConflictError("the attempt has gone on")
        if any((event.job_id, event.seq) in self._events for event in change.events):
            raise ConflictError("the event exists")

    def signal(self, job_id: str, attempt: int | None = None, *, limit: int = 50) -> Job | None:
        self.interrupt("before", "signal")
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return None
            if attempt is not None:
                key = (job_id, attempt)
                if key not in self._attempts or self._signals.get(key, 0) >= limit:
                    return None
                self._signals[key] = self._signals.get(key, 0) + 1
            job = job.model_copy(update={"signal_seq": job.signal_seq + 1})
            self._jobs[job_id] = job
        self.interrupt("after", "signal")
        return job

    def put_token(self, job_id: str, *, run: int, seen: int, token: str) -> None:
        """Do what the state Await does to the row by itself.

        Raises:
            ConflictError: a signal has come since `seen`, or the run is not the job's.
        """
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or (job.run, job.signal_seq) != (run, seen):
                raise ConflictError("there is a signal that the wait would miss, or a newer run")
            self._jobs[job_id] = job.model_copy(update={"token": token})

    def mark_published(self, event: Event) -> None:
        with self._lock:
            self._outbox.discard((event.job_id, event.seq))

    def put_asset(self, asset: Asset) -> None:
        with self._lock:
            self._assets[asset.asset_id] = asset

    def begin_delivery(self, delivery: Delivery) -> bool:
        with self._lock:
            if _place(delivery) in self._deliveries:
                return False
            self._deliveries[_place(delivery)] = delivery
            return True

    def record_delivery(self, delivery: Delivery) -> None:
        with self._lock:
            self._deliveries[_place(delivery)] = delivery

    def _add_event(self, event: Event) -> None:
        self._events[event.job_id, event.seq] = event
        if event.type in PUBLISHED:
            self._outbox.add((event.job_id, event.seq))

    # ------------------------------------------------------------ reads

    def snapshot(self, job_id: str) -> Snapshot | None:
        with self._lock:
            job = self._jobs.get(job_id)
            attempts = tuple(a for (of, _), a in sorted(self._attempts.items()) if of == job_id)
        return None if job is None else Snapshot(job, attempts)

    def job(self, job_id: str, *, consistent: bool = True) -> Job | None:
        return self._jobs.get(job_id)

    def jobs(self, tenant: str, *, limit: int, cursor: str | None = None) -> Page[Job]:
        after = None if cursor is None else cursors.job_after(cursor)
        with self._lock:
            mine = [
                job
                for job_id, job in sorted(self._jobs.items(), reverse=True)
                if job.tenant == tenant and (after is None or job_id < after)
            ]
        return cursors.job_page(mine[: limit + 1], limit)

    def events(self, job_id: str, *, after: int = 0, limit: int = 100) -> tuple[Event, ...]:
        with self._lock:
            rows = sorted(self._events.items())
        later = (event for (of, seq), event in rows if of == job_id and seq > after)
        return tuple(islice(later, limit))

    def due(self, now: dt.datetime, *, limit: int) -> Iterator[Job]:
        with self._lock:
            due = [
                job for job in self._jobs.values() if job.due_at is not None and job.due_at <= now
            ]
        return iter(sorted(due, key=lambda job: job.due_at or now)[:limit])

    def unpublished(self, before: dt.datetime, *, limit: int) -> Iterator[Event]:
        with self._lock:
            events = [self._events[place] for place in self._outbox]
        old = sorted((e for e in events if e.at < before), key=lambda event: event.at)
        return iter(old[:limit])

    def asset(self, asset_id: str) -> Asset | None:
        return self._assets.get(asset_id)

    def deliveries(self, job_id: str) -> tuple[Delivery, ...]:
        with self._lock:
            return tuple(d for place, d in sorted(self._deliveries.items()) if place[0] == job_id)


def _place(delivery: Delivery) -> tuple[str, str, str, int]:
    return (delivery.job_id, delivery.event_id, delivery.sink, delivery.attempt)
