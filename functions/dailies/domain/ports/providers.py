"""Vendors, and what they are asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from dailies.domain.outcomes import (
    CallbackHint,
    Download,
    Finished,
    Handle,
    LookupOutcome,
    Output,
    PollOutcome,
)


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
