"""Reads one base64 string out of a JSON reply as a stream, in constant memory.

An inline video makes a reply of hundreds of megabytes that is a single JSON string; no JSON
library streams *inside* a string. This reader walks to the member (keys in any order), skips
everything else, undoes JSON escapes and decodes as it goes.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

from dailies.domain.errors import AssetError, FetchBrokenError

_STRING_STOP: Final = re.compile(rb'["\\]')
_VALUE_STOP: Final = re.compile(rb'["{}\[\],]')
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_MAX_KEY_BYTES: Final = 1024


def base64_member(chunks: Iterable[bytes], path: tuple[str | int, ...]) -> Iterator[bytes]:
    """Yield the decoded bytes of the base64 string at `path`.

    Raises:
        AssetError: there is no such string (`missing`), or it is not base64 (`wrong_type`).
        FetchBrokenError: the reply ended before the string did.
    """
    reader = _Reader(chunks)
    for key in path:
        found = _enter_array(reader, key) if isinstance(key, int) else _enter_object(reader, key)
        if not found:
            raise _missing()
    if reader.token() != b'"':
        raise _missing()
    yield from _decode(reader.string())


def _missing() -> AssetError:
    return AssetError("missing", "The vendor's reply holds no video where one should be.")


class _Reader:
    """A cursor over the reply; holds one chunk at a time."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = b""
        self._at = 0

    def _more(self) -> None:
        for chunk in self._chunks:
            if chunk:
                self._chunk, self._at = chunk, 0
                return
        raise FetchBrokenError("The vendor's reply ended early.")

    def byte(self) -> bytes:
        if self._at == len(self._chunk):
            self._more()
        self._at += 1
        return self._chunk[self._at - 1 : self._at]

    def token(self) -> bytes:
        """Return the next byte that is not white space."""
        while (byte := self.byte()) in b" \t\r\n":
            pass
        return byte

    def back(self) -> None:
        """Un-read the byte read last."""
        self._at -= 1

    def until(self, stop: re.Pattern[bytes]) -> Iterator[bytes]:
        """Yield everything before the next match of `stop`, which is the next byte to be read."""
        while True:
            match = stop.search(self._chunk, self._at)
            end = match.start() if match else len(self._chunk)
            if end > self._at:
                piece, self._at = self._chunk[self._at : end], end
                yield piece
            if match:
                return
            self._more()

    def string(self) -> Iterator[bytes]:
        """Yield the content of a string whose opening quote has been read, escapes undone."""
        while True:
            yield from self.until(_STRING_STOP)
            if self.byte() == b'"':
                return
            escape = self.byte()
            if escape == b"u":
                digits = b"".join(self.byte() for _ in range(4))
                yield _code_point(digits)
            else:
                yield _ESCAPES.get(escape, escape)


def _code_point(digits: bytes) -> bytes:
    try:
        return chr(int(digits, 16)).encode("utf-8", "replace")
    except ValueError as exc:
        raise AssetError("missing", "The vendor's reply is not JSON.") from exc


def _enter_object(reader: _Reader, wanted: str) -> bool:
    """Move to the value of a member; False where the value is no object or has no such member."""
    if reader.token() != b"{":
        return False
    while (byte := reader.token()) != b"}":
        if byte == b",":
            continue
        if byte != b'"':
            raise _missing()
        key = _key(reader)
        if reader.token() != b":":
            raise _missing()
        if key == wanted.encode():
            return True
        _skip_value(reader)
    return False


def _key(reader: _Reader) -> bytes:
    key = bytearray()
    for piece in reader.string():
        key += piece[: _MAX_KEY_BYTES - len(key)]
    return bytes(key)


def _enter_array(reader: _Reader, index: int) -> bool:
    """Move to an element; False where the value is no array or is too short."""
    if reader.token() != b"[":
        return False
    while (byte := reader.token()) != b"]":
        if byte == b",":
            continue
        reader.back()
        if index == 0:
            return True
        _skip_value(reader)
        index -= 1
    return False


def _skip_value(reader: _Reader) -> None:
    """Move behind a value, to the comma or bracket that follows it."""
    depth = 0
    while True:
        for _ in reader.until(_VALUE_STOP):
            pass
        byte = reader.byte()
        if byte == b'"':
            for _ in reader.string():
                pass
        elif byte in b"{[":
            depth += 1
        elif depth == 0:
            reader.back()
            return
        elif byte in b"}]":
            depth -= 1


def _decode(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decode base64 (RFC 4648 §4 or §5, padded or not) piece by piece."""
    rest = b""
    padded = False
    for piece in pieces:
        if padded and piece.strip():
            raise AssetError("wrong_type", "The vendor's video is not base64.")
        text = rest + piece.translate(_URL_SAFE, b"\r\n\t ")
        whole = len(text) - len(text) % 4
        rest = text[whole:]
        if whole:
            padded = text[whole - 1 : whole] == b"="
            yield _strict(text[:whole])
    if rest and padded:
        raise AssetError("wrong_type", "The vendor's video is not base64.")
    if rest:
        yield _strict(rest + b"=" * (-len(rest) % 4))


def _strict(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as exc:
        raise AssetError("wrong_type", "The vendor's video is not base64.") from exc
