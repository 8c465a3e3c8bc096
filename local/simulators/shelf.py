"""Where simulators keep what must outlive them: vendors forget neither a paid task nor a key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Shelf:
    """A folder, or nothing at all: then everything is forgotten at the end."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use `folder`, which is made where it does not exist."""
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, name: str, make: Callable[[], T]) -> T:
        """Return the JSON value kept under `name`, or make it now and keep it."""
        if self._folder is None:
            return make()
        path = self._folder / f"{name}.json"
        if path.exists():
            return json.loads(path.read_text("utf-8"))
        value = make()
        write_atomically(path, json.dumps(value))
        return value

    def journal(self, name: str) -> Journal | None:
        """Return the journal of that name."""
        return None if self._folder is None else Journal(self._folder, name)


class Journal:
    """A log of rows, and one document.

    A row is safe once `append` returns, however the process then ends: what was answered to a
    client is never forgotten. The document may be a moment old.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Open it for appending, and drop a row that was being written when the process ended."""
        self._rows_path = folder / f"{name}-rows.jsonl"
        self._document_path = folder / f"{name}-state.json"
        text = self._rows_path.read_bytes() if self._rows_path.exists() else b""
        self._rows = text[: text.rfind(b"\n") + 1].splitlines()
        write_atomically(self._rows_path, b"".join(row + b"\n" for row in self._rows).decode())

    def rows(self) -> list[str]:
        """Return the rows that were there when it was opened, in order."""
        return [row.decode() for row in self._rows]

    def append(self, row: str) -> None:
        """Add a row, which must hold no line break."""
        with self._rows_path.open("ab", buffering=0) as rows:
            rows.write(row.encode() + b"\n")

    def document(self) -> dict[str, Any] | None:
        """Return the document as it was written last."""
        if not self._document_path.exists():
            return None
        return json.loads(self._document_path.read_text("utf-8"))

    def write_document(self, text: str) -> None:
        """Replace the document."""
        write_atomically(self._document_path, text)

    def clear(self) -> None:
        """Forget the rows."""
        write_atomically(self._rows_path, "")


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by another that only we may read: a reader finds one or the other, whole."""
    scratch = path.with_suffix(".new")
    scratch.touch(mode=0o600)
    scratch.write_text(text, "utf-8")
    scratch.replace(path)
