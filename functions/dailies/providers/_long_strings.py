"""Takes overlong strings out of JSON text as it streams by: it can be read in little memory."""

from __future__ import annotations

import re

PLACEHOLDER = b'"(left out)"'
_INSIDE = re.compile(rb'(?:[^"\\]+|\\.)*+(")?', re.DOTALL)


class LongStringFilter:
    """Replaces each JSON string longer than `limit_bytes` by PLACEHOLDER.

    It knows only quotes and backslashes, so it works on pieces cut anywhere, in any order of
    members. No JSON library that we know hands out a string before its end.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Start outside a string."""
        self._limit_bytes = limit_bytes
        self._string: bytearray | None = None
        """The string so far, with its opening quote; None outside a string."""
        self._carry = b""
        self.skipping = False
        """Whether the text stands inside a string that is being left out."""

    def feed(self, piece: bytes) -> bytes:
        """Return the next piece without overlong strings; a string comes out once it has ended."""
        text = self._carry + piece
        self._carry = b""
        out = bytearray()
        position = 0
        while position < len(text):
            if self._string is None:
                position = self._outside(text, position, out)
            else:
                position = self._inside(text, position, out)
        return bytes(out)

    def _outside(self, text: bytes, start: int, out: bytearray) -> int:
        quote = text.find(b'"', start)
        end = len(text) if quote < 0 else quote
        out += text[start:end]
        if quote >= 0:
            self._string = bytearray(b'"')
            end += 1
        return end

    def _inside(self, text: bytes, start: int, out: bytearray) -> int:
        match = _INSIDE.match(text, start)
        end, closed = (match.end(), bool(match[1])) if match else (start, False)
        string = self._string or bytearray()
        if not self.skipping:
            string += text[start:end]
            self._string = string
        if len(string) > self._limit_bytes and not self.skipping:
            out += PLACEHOLDER
            self._string, self.skipping = bytearray(), True
        if not closed:
            self._carry = text[end:]  # a backslash whose other half is yet to come
            return len(text)
        if not self.skipping:
            out += string
        self._string, self.skipping = None, False
        return end
