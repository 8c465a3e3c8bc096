"""Bytes: fetched, stored, inspected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from dailies.domain.assets import MediaFacts, Quality, StoredPart
from dailies.domain.outcomes import (
    Download,
)


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
    etag: str | None = None
    """Without its quotes; another one is another file."""


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


@dataclass(frozen=True)
class Analyzed:
    """What Check saw in a file."""

    quality: Quality
    media: MediaFacts


class Analyzer(Protocol):
    """Looks through stored videos, from their first picture to their last."""

    def analyze(self, key: str, size_bytes: int, *, expected_s: float | None = None) -> Analyzed:
        """Return what decoding all of a file shows; `expected_s`: how long it should be.

        Raises:
            AssetError: it cannot be looked through (`unmeasurable`).
            StorageError: the bucket did not answer.
        """
        ...
