"""The seams: what services need from the outside.

Adapters implement them; fakes stand in for them in tests.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from dailies.domain.assets import Asset, MediaFacts, StoredPart
from dailies.domain.attempts import Attempt
from dailies.domain.changes import Change, Creation, Replay
from dailies.domain.deliveries import Delivery, DeliveryRef
from dailies.domain.events import Event
from dailies.domain.jobs import Job
from dailies.domain.outcomes import (
    CallbackHint,
    Download,
    Finished,
    Handle,
    LookupOutcome,
    Output,
    PollOutcome,
)

T = TypeVar("T")

# ---------------------------------------------------------------- time and secrets


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> dt.datetime:
        """Return the time now, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Only `services.poll` may call it."""
        ...


class Secrets(Protocol):
    """Secrets by name, cached for minutes."""

    def get(self, name: str) -> Mapping[str, str]:
        """Return the JSON object stored under `name`, e.g. `providers/kling`.

        Raises:
            ConfigurationError: there is no such secret, or it is not a JSON object.
            StorageError: the store did not answer.
        """
        ...


# ---------------------------------------------------------------- the ledger


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


# ---------------------------------------------------------------- notification


class DeliveryWorkflow(Protocol):
    """Starts executions of the state machine `deliver_webhook`."""

    def start(self, ref: DeliveryRef) -> None:
        """Start one delivery under `ref.execution_name`, its input `ref`; again is harmless.

        Raises:
            StorageError: it was not started (throttled, or no answer).
        """
        ...


class WebhookPoster(Protocol):
    """POSTs to addresses that a caller chose, by the guarded transport; follows no redirect."""

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        """Return the answer's status, whatever it is, and the first bytes of its body (1 KiB).

        Raises:
            FetchRefusedError: the address is not one we may send to; nothing was sent.
            FetchBrokenError: no answer within `timeout_s`, or the connection failed.
        """
        ...


class WebhookEndpoints(Protocol):
    """Which webhook addresses asked not to be called again.

    Raises StorageError when the store did not answer.
    """

    def is_disabled(self, tenant: str, url: str) -> bool:
        """Return whether the tenant's address is disabled."""
        ...

    def disable(self, tenant: str, url: str, *, reason: str, at: dt.datetime) -> None:
        """Disable an address; the first reason stands."""
        ...


class EventBus(Protocol):
    """The bus on which other systems listen. Raises StorageError when it did not take the event."""

    def put(self, event: Event, detail: Mapping[str, Any]) -> None:
        """Put an event on the bus, with its type as detail type and `detail` as its body."""
        ...


class Topic(Protocol):
    """The topic to which people subscribe. Raises StorageError when it did not take the message."""

    def publish(self, subject: str, message: str, attributes: Mapping[str, str]) -> None:
        """Publish a message; `attributes` are what subscriptions filter on."""
        ...


@dataclass(frozen=True)
class InlineImage:
    """A picture inside an email: HTML shows it as `cid:<content_id>`."""

    content_id: str
    filename: str
    content_type: str
    data: bytes = field(repr=False)


class Mailer(Protocol):
    """Sends email.

    Raises StorageError when the service did not take it, ConfigurationError when it never will.
    """

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
        """Send one email in HTML and plain text.

        Args:
            to: the receivers.
            subject: one line.
            html: the message.
            text: the same, plain.
            message_id: the event's stable id, sent as a header: a receiver can tell a repeat.
            images: what the HTML shows.
        """
        ...


# ---------------------------------------------------------------- providers


class MediaSource(Protocol):
    """Reads one object."""

    def read(self) -> bytes:
        """Return all of its bytes."""
        ...


@dataclass(frozen=True)
class InputMedia:
    """A media input of a submit, already proven to be of `content_type`."""

    content_type: str
    size_bytes: int
    url: str = field(repr=False)
    """A short-lived URL from which the vendor may fetch it."""
    source: MediaSource = field(repr=False)

    def read(self) -> bytes:
        """Return the bytes. Bounded by the catalogue's `max_bytes` for this kind of input."""
        return self.source.read()


@dataclass(frozen=True)
class Origin:
    """The attempt that made an asset: an adapter can name its own earlier result by it."""

    vendor: str
    model: str
    """The vendor's own model id."""
    output: Output
    handle: Handle | None
    """None where the vendor answered the submit with the result itself."""
    made_at: dt.datetime


@dataclass(frozen=True)
class InputVideo(InputMedia):
    """A video to go on from."""

    origin: Origin | None = None
    """None for an upload."""
    duration_s: float | None = None
    """None where nobody has looked into the file yet."""


@dataclass(frozen=True)
class GenerationRequest:
    """A job's request: every default filled in, every option proven to be allowed."""

    kind: str
    model: str
    """The vendor's own model id."""
    prompt: str
    duration_s: int
    """Of the output; where a video is extended, of what is added."""
    resolution: str
    audio: bool
    aspect_ratio: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    image: InputMedia | None = None
    last_frame: InputMedia | None = None
    video: InputVideo | None = None
    references: tuple[InputMedia, ...] = ()
    degraded: tuple[str, ...] = ()
    """Options that this model does not know and the caller allowed to be dropped."""


@dataclass(frozen=True)
class AttemptRef:
    """What an adapter needs to know of the attempt it works for."""

    attempt_id: str
    """Our external id: unique for ever, sent to the vendor where it takes one."""
    callback_url: str | None = None
    """Where the vendor may call back; holds a secret of its own. None where nobody can reach us."""
    submitting_at: dt.datetime | None = None


class Provider(Protocol):
    """One vendor. Never sleeps, loops or retries.

    Every method may raise ProviderUnavailableError (nothing was found out) and
    ProviderThrottledError.
    """

    def submit(self, request: GenerationRequest, attempt: AttemptRef) -> Handle | Finished:
        """Ask for one paid generation.

        Raises:
            ProviderThrottledError: certainly not accepted; may be tried again.
            ProviderUnavailableError: certainly not accepted; may be tried again.
            ProviderRejectedError: certainly not accepted, for good.
            DuplicateSubmitError: our external id exists already.
            SubmitUnknownError: sent, outcome not known.
        """
        ...

    def poll(self, handle: Handle) -> PollOutcome:
        """Ask how a task is."""
        ...

    def download(self, output: Output) -> Download:
        """Return how to fetch an output now: URL, and headers computed at this moment."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """A provider that can find a task again by our own id."""

    def lookup(self, attempt: AttemptRef, model: str) -> LookupOutcome:
        """Tell whether the vendor has the attempt's task."""
        ...


@runtime_checkable
class Cancels(Protocol):
    """A provider whose tasks can be stopped."""

    def cancel(self, handle: Handle) -> None:
        """Ask the vendor to stop; a later poll tells whether it did."""
        ...


@runtime_checkable
class CallsBack(Protocol):
    """A provider that calls back."""

    def callback(
        self, attempt: AttemptRef, headers: Mapping[str, str], body: bytes
    ) -> CallbackHint | None:
        """Return the hint of a callback that this vendor really sent, None for anything else.

        Header names are lower case.
        """
        ...


class Providers(Protocol):
    """Every provider by name; imports only the one asked for."""

    def get(self, name: str) -> Provider:
        """Return the provider.

        Raises:
            ConfigurationError: there is no such provider, or it lacks its secret.
        """
        ...


# ---------------------------------------------------------------- bytes


@dataclass(frozen=True)
class FetchedHead:
    """What a source said before its first byte."""

    status: int
    content_type: str
    total_bytes: int | None
    """Size of the whole file, where the source tells."""
    start: int
    """Position of the first byte to come: 0 where a range was not honoured."""
    validator: str | None
    """A strong ETag, or Last-Modified: what `If-Range` needs."""


class Fetcher(Protocol):
    """Fetches from addresses that somebody else chose, safely.

    Public addresses only, credentials to one origin only.
    """

    def open(
        self,
        download: Download,
        *,
        start: int = 0,
        validator: str | None = None,
        hosts: Sequence[str] = (),
    ) -> AbstractContextManager[tuple[FetchedHead, Iterator[bytes]]]:
        """Open a stream of bytes from `start` on: by range, with `If-Range`, when `start` > 0.

        The iterator raises FetchBrokenError when the stream ends early. `hosts`: host suffixes that
        the address, and
        each redirect's, must be below; empty for no such limit.

        Raises:
            FetchRefusedError: the address is not allowed, or the source answered 4xx (`status`).
            FetchBrokenError: the source could not be reached, answered 5xx, or broke off.
        """
        ...


class MediaStore(Protocol):
    """The media bucket. Every method raises StorageError when it did not answer."""

    def begin(self, key: str, content_type: str) -> str:
        """Start a multipart upload and return its id."""
        ...

    def put_part(
        self, key: str, upload_id: str, number: int, data: bytes | bytearray | memoryview
    ) -> StoredPart:
        """Store one part; doing it again with the same number replaces it."""
        ...

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> str:
        """Finish an upload and return the composite SHA-256 (base64, with `-<parts>`).

        Completing it again is harmless.
        """
        ...

    def abort(self, key: str, upload_id: str) -> None:
        """Give an upload up. Harmless if it is gone."""
        ...

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store a small object (a poster)."""
        ...

    def head(self, key: str) -> ObjectHead | None:
        """Return an object's size and type, or None if there is none."""
        ...

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return a range of an object's bytes."""
        ...

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in order."""
        ...

    def upload_form(
        self, key: str, *, content_type: str, max_bytes: int, expires_s: int
    ) -> UploadForm:
        """Return a presigned POST bound to key, type and size."""
        ...

    def download_url(self, key: str, *, filename: str, content_type: str, expires_s: int) -> str:
        """Return a presigned GET URL that downloads under `filename`."""
        ...


@dataclass(frozen=True)
class ObjectHead:
    """Facts of an object."""

    size_bytes: int
    content_type: str
    sha256_composite: str | None = None
    """Composite SHA-256 (base64, with `-<parts>`) of an object that came in parts."""


@dataclass(frozen=True)
class UploadForm:
    """A presigned POST: the form's target and its fields, to be sent with the file last."""

    url: str
    fields: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Inspection:
    """What Probe saw in a file."""

    media: MediaFacts
    poster_jpeg: bytes | None
    sha256: str


class Inspector(Protocol):
    """Looks into stored files."""

    def inspect(self, key: str, size_bytes: int, *, sha256: str | None = None) -> Inspection:
        """Return what decoding an MP4 shows; its SHA-256 is computed where `sha256` is not given.

        Raises:
            AssetError: it cannot be decoded (`undecodable`).
            StorageError: the bucket did not answer.
        """
        ...


# ---------------------------------------------------------------- the workflow engine


class ExecutionStatus(StrEnum):
    """What became of an execution."""

    RUNNING = "running"
    ENDED = "ended"
    """Whatever its end was: it will write no more."""
    ABSENT = "absent"
    """It was never started."""


class Workflow(Protocol):
    """Starts and wakes executions of the state machine `generate`.

    Raises StorageError when it did not answer.
    """

    def start(self, job_id: str, run: int) -> bool:
        """Start run `run` of a job, named `<job>-<run>`; starting it again is harmless.

        Returns:
            False when the account's start quota is used up: the sweeper starts it later.
        """
        ...

    def status(self, job_id: str, run: int) -> ExecutionStatus:
        """Tell what became of a run."""
        ...

    def stop(self, job_id: str, run: int, cause: str) -> None:
        """Stop a run; harmless when it has ended."""
        ...

    def wake(self, token: str) -> None:
        """End the wait that holds `token`; harmless when it is over already."""
        ...


class LatencyStats(Protocol):
    """Learned durations of generations, by model and options."""

    def q02(self, key: str) -> float | None:
        """Return the learned 2nd percentile in seconds, or None before 30 samples."""
        ...

    def record(self, key: str, seconds: float) -> None:
        """Count one finished generation."""
        ...
