"""Moves one file into the media bucket: constant memory, resumable, checked while it passes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from dailies.domain.assets import PartialUpload, StoredPart
from dailies.domain.errors import AssetError, FetchBrokenError
from dailies.domain.media_types import SNIFF_BYTES, sniff
from dailies.domain.outcomes import Download
from dailies.domain.ports import Clock, FetchedHead, Fetcher, MediaStore

PART_BYTES: Final = 8 * 1024 * 1024
"""Size of every part but the last, so that two invocations alive at once write the same parts."""
MAX_BYTES: Final = 20 * 1000**3
MAX_BEGINNINGS: Final = 10
"""How often a file is fetched from its first byte before it is given up."""
_MAX_STALLS: Final = 2
"""How many breaks without real progress one invocation takes; then the state machine waits."""
_PROGRESS_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Landed:
    """A file that is in the bucket as a whole."""

    size_bytes: int
    sha256_composite: str | None
    sha256: str | None
    """Of the whole file, where one invocation saw all of it."""


@dataclass(frozen=True)
class Source:
    """Where a file comes from."""

    download: Callable[[], Download]
    """Makes the request anew: its credential may be short-lived."""
    hosts: Sequence[str]
    content_type: str
    """What the file must turn out to be."""


@dataclass
class Transfer:
    """One file on its way. `partial` and `beginnings` let a fresh invocation go on."""

    source: Source
    key: str
    fetcher: Fetcher
    media: MediaStore
    clock: Clock
    time_is_short: Callable[[], bool]
    partial: PartialUpload | None = None
    beginnings: int = 0
    """How often it was begun at its first byte, by every invocation together."""
    _parts: list[StoredPart] = field(default_factory=list[StoredPart])
    _stored: int = 0
    _buffer: bytearray = field(default_factory=lambda: bytearray(PART_BYTES), repr=False)
    _filled: int = 0
    _validator: str | None = None
    _digest: hashlib._Hash | None = None  # pyright: ignore[reportPrivateUsage]

    def __post_init__(self) -> None:
        if self.partial is not None:
            self._parts = list(self.partial.parts)
            self._stored = self.partial.position
            self._validator = self.partial.validator

    def run(self) -> Landed | None:
        """Move the file; None when time ran short, with `partial` saying how far it is.

        Raises:
            AssetError: the file is not what it must be, or broke off too often.
            FetchRefusedError: its address is not allowed, or its server refused.
            FetchBrokenError: it broke off again and again without progress; `partial` is kept.
            UploadGoneError: `partial` is not there any more.
        """
        stalls, begun_at = 0, self._stored
        while True:
            before = self._position
            try:
                if self._pull():
                    return self._finish()
                return self._hand_over(begun_at)
            except FetchBrokenError:
                stalls = 0 if self._position - before >= _PROGRESS_BYTES else stalls + 1
                if stalls > _MAX_STALLS:
                    raise

    def _hand_over(self, begun_at: int) -> None:
        """Leave the rest to a fresh invocation; a source that drips for ever uses its tries up."""
        if self._stored > begun_at:
            return
        if self.beginnings >= MAX_BEGINNINGS:
            raise AssetError("broken", "The file comes too slowly.")
        self.beginnings += 1

    @property
    def _position(self) -> int:
        return self._stored + self._filled

    def _pull(self) -> bool:
        """Read the source to its end; False when time ran short."""
        start = self._position if self._validator else 0
        opened = self.fetcher.open(
            self.source.download(), start=start, validator=self._validator, hosts=self.source.hosts
        )
        with opened as (head, chunks):
            self._accept(head)
            for chunk in chunks:
                self._take(chunk)
                if self.time_is_short():
                    return False
        if head.total_bytes is not None and head.total_bytes != self._position:
            raise AssetError("truncated", "The file is not as long as its server said.")
        return True

    def _accept(self, head: FetchedHead) -> None:
        if head.start == 0 or head.start != self._position:
            self._begin_anew(head)
        if head.total_bytes is not None and head.total_bytes > MAX_BYTES:
            raise _too_big()

    def _begin_anew(self, head: FetchedHead) -> None:
        if self.beginnings >= MAX_BEGINNINGS:
            raise AssetError("broken", "The file broke off too often.")
        self.beginnings += 1
        self._parts, self._stored, self._filled = [], 0, 0
        self._validator, self._digest = head.validator, hashlib.sha256()
        self._note()

    def _take(self, chunk: bytes) -> None:
        """Copy a chunk into the part under way, storing each part that gets full."""
        rest = memoryview(chunk)
        if self._position + len(rest) > MAX_BYTES:
            raise _too_big()
        if self._digest is not None:
            self._digest.update(rest)
        while len(rest):
            if self._filled == PART_BYTES:
                self._store_part(memoryview(self._buffer))
            room = min(PART_BYTES - self._filled, len(rest))
            self._buffer[self._filled : self._filled + room] = rest[:room]
            self._filled += room
            rest = rest[room:]

    def _store_part(self, data: memoryview) -> None:
        if not self._parts:
            self._check_type(bytes(data[:SNIFF_BYTES]))
        upload_id = self._upload_id()
        part = self.media.put_part(self.key, upload_id, len(self._parts) + 1, data)
        self._parts.append(part)
        self._stored += len(data)
        self._filled = 0
        self._note()

    def _upload_id(self) -> str:
        """Return the upload's id; it is begun once the first bytes have proven what they are."""
        if self.partial is None:
            self.partial = PartialUpload(
                key=self.key,
                upload_id=self.media.begin(self.key, self.source.content_type),
                started_at=self.clock.now(),
            )
        return self.partial.upload_id

    def _note(self) -> None:
        if self.partial is not None:
            update = {"parts": list(self._parts), "validator": self._validator}
            self.partial = self.partial.model_copy(update=update)

    def _check_type(self, head: bytes) -> None:
        found = sniff(head)
        if found != self.source.content_type:
            named = found or "of no known type"
            raise AssetError("wrong_type", f"The file is {named}, not {self.source.content_type}.")

    def _finish(self) -> Landed:
        if not self._position:
            raise AssetError("empty", "The file is empty.")
        if self._filled:
            self._store_part(memoryview(self._buffer)[: self._filled])
        composite = self.media.complete(self.key, self._upload_id(), self._parts)
        if composite != composite_sha256(self._parts):
            return self._already_there(composite)
        sha256 = self._digest.hexdigest() if self._digest is not None else None
        return Landed(self._stored, composite, sha256)

    def _already_there(self, composite: str) -> Landed:
        """Another invocation was quicker, with other bytes: its object is the result."""
        head = self.media.head(self.key)
        return Landed(head.size_bytes if head else self._stored, composite, None)


def composite_sha256(parts: Sequence[StoredPart]) -> str:
    """Return S3's composite digest: the SHA-256 of the parts' digests, and their number."""
    digests = b"".join(base64.b64decode(part.sha256) for part in parts)
    whole = hashlib.sha256(digests).digest()
    return f"{base64.b64encode(whole).decode()}-{len(parts)}"


def _too_big() -> AssetError:
    return AssetError("too_big", f"The file is larger than {MAX_BYTES} bytes.")
