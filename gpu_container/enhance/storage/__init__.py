"""Where a run's objects lie: one port, and a file for each kind of place.

`files` is a folder, `s3` a prefix of a bucket, `presigned` a task's objects behind signed URLs (a
worker without credentials). Nothing outside this package knows which.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from enhance.errors import EnhanceError
from enhance.exits import ExitCode

CONFLICTS = 8
"""Of two conditional writes at the same moment S3 refuses one, and asks it to try again: so often
it does."""


class StoreError(EnhanceError):
    """The place does not answer, refuses, or is full. What is stored already stays."""


class MissingObjectError(StoreError):
    """There is no such object."""

    def __init__(self, uri: str) -> None:
        super().__init__("not_found", f"There is nothing at {uri}.")


class ChangedObjectError(StoreError):
    """The object was replaced while it was read: what was asked for is no longer there."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, uri: str) -> None:
        super().__init__("source_changed", f"{uri} was replaced while it was read. Start anew.")


@dataclass(frozen=True, slots=True)
class Stat:
    """What tells one content of an object from another without reading it."""

    size_bytes: int
    etag: str


class Store(Protocol):
    """Objects by name under one prefix; names use `/`. Every method raises StoreError."""

    def uri(self, name: str) -> str:
        """How a person would name the object."""
        ...

    def stat(self, name: str) -> Stat | None:
        """None where there is no such object."""
        ...

    def read(self, name: str) -> bytes:
        """Return a small object whole.

        Raises:
            MissingObjectError: there is none.
        """
        ...

    def open(self, name: str) -> str | BinaryIO:
        """Return what a demuxer opens: an absolute path, or a seekable file of ranged reads.

        Raises:
            MissingObjectError: there is none.
        """
        ...

    def put(self, name: str, content: bytes | Path, *, replace: bool = True) -> bool:
        """Store bytes, or a file's content, in one piece: nobody ever sees half of it.

        Without `replace` an object that exists stays as it is. Returns whether this call wrote it.
        A file is given away: nobody writes to it afterwards (a folder may keep it by a link).
        """
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """One object of a store."""

    store: Store
    name: str

    @property
    def uri(self) -> str:
        """How a person would name it."""
        return self.store.uri(self.name)

    def stat(self) -> Stat | None:
        """See `Store.stat`."""
        return self.store.stat(self.name)

    def media(self) -> str | Callable[[], BinaryIO]:
        """Return what `enhance.media` reads: a path, or a function that opens the object anew."""
        opened = self.store.open(self.name)
        if isinstance(opened, str):
            return opened
        return lambda: cast("BinaryIO", self.store.open(self.name))

    def fetch(self, path: Path) -> Path:
        """Return the object as a file of this machine: itself, or a copy at `path`."""
        opened = self.store.open(self.name)
        if isinstance(opened, str):
            return Path(opened)
        with opened, path.open("wb") as out:
            shutil.copyfileobj(opened, out, 1 << 20)
        return path

    def read(self) -> bytes:
        """See `Store.read`."""
        return self.store.read(self.name)

    def put(self, content: bytes | Path, *, replace: bool = True) -> bool:
        """See `Store.put`."""
        return self.store.put(self.name, content, replace=replace)
