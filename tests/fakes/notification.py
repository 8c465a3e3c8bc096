"""What notifications need, in memory, and a job to tell of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from dailies.domain.assets import Asset, AssetKind, MediaFacts
from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Change, Creation
from dailies.domain.deliveries import Delivery, DeliveryRef
from dailies.domain.errors import StorageError
from dailies.domain.events import Event, EventType
from dailies.domain.ids import attempt_id, event_id
from dailies.domain.jobs import Charged, Job, JobRequest, JobState, Stage
from dailies.domain.notifications import delivery_ref
from dailies.domain.ports import InlineImage, ObjectHead
from tests.fakes.ledger import InMemoryLedger

L = TypeVar("L", bound=InMemoryLedger)

JOB_ID = "job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P"
ASSET_ID = "ast_01JCZ5W2A0B1C2D3E4F5G6H7J8"
TENANT = "acme"
START = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
URL = "https://hooks.example.com/dailies?token=do-not-tell"


class SteppedClock:
    """Stands still until it is moved."""

    def __init__(self, now: dt.datetime = START) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("Notifications do not wait.")

    def advance(self, seconds: float) -> None:
        self._now += dt.timedelta(seconds=seconds)


@dataclass
class Bus:
    """Keeps what was put."""

    put_details: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False

    def put(self, event: Event, detail: Mapping[str, Any]) -> None:
        if self.down:
            raise StorageError("The bus did not answer.")
        self.put_details.append(dict(detail))


@dataclass
class MemoryTopic:
    """Keeps what was published."""

    published: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    down: bool = False

    def publish(self, subject: str, message: str, attributes: Mapping[str, str]) -> None:
        if self.down:
            raise StorageError("The topic did not answer.")
        self.published.append((subject, message, dict(attributes)))


@dataclass(frozen=True)
class Mail:
    to: tuple[str, ...]
    subject: str
    html: str
    text: str
    message_id: str
    images: tuple[InlineImage, ...]


@dataclass
class MemoryMailer:
    """Keeps what was sent; fails for the addresses in `down`."""

    sent: list[Mail] = field(default_factory=list)
    down: set[str] = field(default_factory=set)

    def send(
        self,
        to: Sequence[str],
        subject: str,
        *,
        html: str,
        text: str,
        message_id: str,
        images: Sequence[InlineImage] = (),
    ) -> None:
        if self.down & set(to):
            raise StorageError("The mail service did not answer.")
        self.sent.append(Mail(tuple(to), subject, html, text, message_id, tuple(images)))


@dataclass(frozen=True)
class Post:
    url: str
    headers: dict[str, str]
    body: bytes
    timeout_s: float


@dataclass
class MemoryPoster:
    """Answers each POST with `answer()`: a status, or what it raises."""

    answer: Callable[[], int] = lambda: 200
    posts: list[Post] = field(default_factory=list)

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        self.posts.append(Post(url, dict(headers), body, timeout_s))
        return self.answer(), b""


@dataclass
class MemoryEndpoints:
    """Keeps which endpoints are disabled, and why."""

    disabled: dict[tuple[str, str], str] = field(default_factory=dict)

    def is_disabled(self, tenant: str, url: str) -> bool:
        return (tenant, url) in self.disabled

    def disable(self, tenant: str, url: str, *, reason: str, at: dt.datetime) -> None:
        self.disabled.setdefault((tenant, url), reason)


@dataclass
class MemorySecrets:
    """Secrets by name."""

    values: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"signing": {"callback_key": "c", "webhook_key": "k1"}}
    )

    def get(self, name: str) -> Mapping[str, str]:
        return self.values[name]


@dataclass
class MemoryDeliveries:
    """Keeps started executions by name, as Step Functions does."""

    started: dict[str, DeliveryRef] = field(default_factory=dict)
    down: bool = False

    def start(self, ref: DeliveryRef) -> None:
        if self.down:
            raise StorageError("Step Functions did not answer.")
        self.started.setdefault(ref.execution_name, ref)


@dataclass
class Posters:
    """The one call pair of the media store that an email makes."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def head(self, key: str) -> ObjectHead | None:
        data = self.objects.get(key)
        return None if data is None else ObjectHead(len(data), "image/jpeg")

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        return self.objects[key]


def job(notify: Mapping[str, Any], *, state: JobState = JobState.SUCCEEDED, **fields: Any) -> Job:
    """Return a job that asks to be told as `notify` says."""
    request = JobRequest.model_validate(
        {
            "kind": "text_to_video",
            "model": "kling/kling-v2",
            "prompt": fields.pop("prompt", "A lighthouse in a storm"),
            "notify": notify,
            "metadata": {"order": "42"},
        }
    )
    succeeded = state is JobState.SUCCEEDED
    facts: dict[str, Any] = {
        "stage": Stage.NOTIFYING,
        "attempt": 1,
        "event_seq": 9,
        "charged": Charged.YES if succeeded else Charged.NO,
        "cost_usd": Decimal("0.35") if succeeded else Decimal(0),
        "assets": [ASSET_ID] if succeeded else [],
        "finished_at": START + dt.timedelta(seconds=95),
    }
    return Job(
        job_id=JOB_ID,
        tenant=TENANT,
        state=state,
        stage_at=START,
        request=request,
        routes=["kling/kling-v2"],
        estimate_usd=Decimal("0.35"),
        created_at=START,
        updated_at=START,
        deadline_at=START + dt.timedelta(hours=2),
        **(facts | fields),
    )


def event(type: EventType = EventType.JOB_SUCCEEDED, seq: int = 9) -> Event:
    """Return one event of that job."""
    return Event(
        event_id=event_id(JOB_ID, seq),
        job_id=JOB_ID,
        tenant=TENANT,
        seq=seq,
        type=type,
        at=START + dt.timedelta(seconds=95),
        data={"internal": "not for receivers"},
    )


def asset() -> Asset:
    """Return the job's result."""
    return Asset(
        asset_id=ASSET_ID,
        tenant=TENANT,
        kind=AssetKind.OUTPUT,
        job_id=JOB_ID,
        attempt=1,
        key=f"outputs/{TENANT}/{JOB_ID}/{ASSET_ID}.mp4",
        content_type="video/mp4",
        size_bytes=1_000_000,
        media=MediaFacts(container="mp4", duration_s=5.04, width=1280, height=720),
        poster_key=f"posters/{TENANT}/{JOB_ID}/{ASSET_ID}.jpg",
        created_at=START,
    )


def ledger_with(told: Job, *events: Event) -> InMemoryLedger:
    """Return a ledger that holds the job, its attempt, its result and these events, unpublished."""
    return fill(InMemoryLedger(), told, *events)


def fill(ledger: L, told: Job, *events: Event) -> L:
    """Put the job, its attempt, its result and these events into a ledger, and return it."""
    first = event(EventType.JOB_QUEUED, 1)
    created = told.model_copy(update={"event_seq": 1})
    ledger.create(Creation(created, first, "key", "0" * 64, "{}"))
    attempt = Attempt(
        job_id=JOB_ID,
        number=1,
        attempt_id=attempt_id(JOB_ID, 1),
        vendor="kling",
        model="kling-v2",
        state=AttemptState.STORED,
        created_at=START,
    )
    written = events or (event(),)
    change = Change(
        before=created,
        after=told,
        states=frozenset({told.state}),
        attempt=attempt,
        events=written,
        assets=(asset(),),
    )
    ledger.apply(change)
    return ledger


def ref(of: Event | None = None) -> DeliveryRef:
    """Return the reference that queues carry for an event."""
    return delivery_ref(of or event())


def outcomes(ledger: InMemoryLedger) -> list[tuple[str, int, str]]:
    """Return the delivery log as (sink, try, outcome)."""
    log: tuple[Delivery, ...] = ledger.deliveries(JOB_ID)
    return [(d.sink, d.attempt, d.outcome) for d in log]
