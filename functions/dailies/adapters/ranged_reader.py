"""An object of the media bucket as a seekable file, read block by block."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Final

from dailies.domain.ports import MediaStore

_BLOCK_BYTES: Final = 1024 * 1024
_KEPT_BLOCKS: Final = 8


class RangedReader:
    """A read-only binary file over ranged reads; keeps only the few blocks used last."""

    def __init__(self, media: MediaStore, key: str, size_bytes: int) -> None:
        self._media = media
        self._key = key
        self._size = size_bytes
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes: possibly fewer, none only at the end."""
        left = max(0, self._size - self._at)
        wanted = left if size < 0 else min(size, left)
        if not wanted:
            return b""
        number, offset = divmod(self._at, _BLOCK_BYTES)
        data = self._block(number)[offset : offset + wanted]
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move and return the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            start = number * _BLOCK_BYTES
            length = min(_BLOCK_BYTES, self._size - start)
            block = self._media.read(self._key, start=start, length=length)
            self._blocks[number] = block
            if len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return block
