"""One atomic write to the ledger, as a value.

Services say what changes, adapters make it all-or-nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.events import Event, EventType
from dailies.domain.ids import event_id
from dailies.domain.jobs import Job, JobState


@dataclass(frozen=True)
class Change:
    """A new version of a job, and of one of its attempts, with the events that tell it.

    The write holds only if the job's row still has `run`, `event_seq` and one of `states` as in
    `before`; and, where an attempt is written, if its row is in `attempt_was` (None: there is no
    such row). `signal_seq` and `token` are never written by it:
    signals and waits have writes of their own, and must not make a step's write fail.
    """

    before: Job
    after: Job
    states: frozenset[JobState]
    attempt: Attempt | None = None
    attempt_was: AttemptState | None = None
    events: tuple[Event, ...] = ()
    assets: tuple[Asset, ...] = ()


@dataclass
class Draft:
    """Builds a Change: numbers the events, stamps the job, keeps the condition."""

    job: Job
    now: dt.datetime
    states: frozenset[JobState] | None = None
    """States in which the write may find the job; the state it was read in by default."""
    _fields: dict[str, Any] = field(default_factory=dict[str, Any])
    _events: list[Event] = field(default_factory=list[Event])
    _assets: list[Asset] = field(default_factory=list[Asset])
    _attempt: Attempt | None = None
    _attempt_was: AttemptState | None = None

    def set(self, **fields: Any) -> Draft:
        """Give fields of the job new values."""
        self._fields.update(fields)
        return self

    def write_attempt(self, attempt: Attempt, *, was: AttemptState | None) -> Draft:
        """Write an attempt whose row is in state `was` now (None: it is new)."""
        self._attempt, self._attempt_was = attempt, was
        return self

    def asset(self, asset: Asset) -> Draft:
        """Write an asset row."""
        self._assets.append(asset)
        return self

    def event(self, type: EventType, **data: Any) -> Draft:
        """Append an event."""
        seq = self.job.event_seq + len(self._events) + 1
        self._events.append(
            Event(
                event_id=event_id(self.job.job_id, seq),
                job_id=self.job.job_id,
                tenant=self.job.tenant,
                seq=seq,
                type=type,
                at=self.now,
                data=data,
            )
        )
        return self

    def change(self) -> Change:
        """Return the finished change."""
        after = self.job.model_copy(
            update={
                **self._fields,
                "updated_at": self.now,
                "event_seq": self.job.event_seq + len(self._events),
            }
        )
        return Change(
            before=self.job,
            after=after,
            states=self.states or frozenset({self.job.state}),
            attempt=self._attempt,
            attempt_was=self._attempt_was,
            events=tuple(self._events),
            assets=tuple(self._assets),
        )


@dataclass(frozen=True)
class Creation:
    """A new job, its first event, and the idempotency record that answers a replay."""

    job: Job
    event: Event
    idempotency_key: str
    body_sha256: str
    answer: str
    """The response body, as JSON text: what a replay gets."""
    needs_assets: tuple[str, ...] = ()
    """Assets of the same tenant that must exist."""

    def assets_missing(self, missing: Collection[str]) -> InvalidRequestError:
        """Return the refusal that names each field of the request whose asset does not exist."""
        request = self.job.request
        problems = tuple(
            FieldProblem(f"{pointer}/asset_id", f"there is no asset {ref.asset_id}")
            for pointer, ref in request.input_pointers()
            if ref.asset_id in missing
        )
        return InvalidRequestError(
            "The request refers to an asset that does not exist.",
            problems,
            hint="Upload the file with POST /v1/uploads first, and give the asset_id it answered.",
        )


@dataclass(frozen=True)
class Replay:
    """What an idempotency key was used for before."""

    job_id: str
    body_sha256: str
    answer: str
