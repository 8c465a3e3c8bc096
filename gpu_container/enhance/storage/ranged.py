"""A file that is read by ranges, for demuxers: seekable, with a few blocks kept."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 4 << 20
"""One request's worth: some seconds of video, so that latency hardly counts."""
_KEPT = 6
"""A demuxer goes between the index, the video and the audio; each has its own place."""


class RangedFile(io.RawIOBase):
    """Reads `fetch(first, last)` (both included) for the blocks it needs."""

    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._fetch = fetch
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; past the end is allowed, and reads nothing."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a seek before the start")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill up to the end of the current block; 0 at the end of the file."""
        if self._position >= self._size:
            return 0
        number, skip = divmod(self._position, BLOCK_BYTES)
        view = memoryview(buffer).cast("B")
        found = self._block(number)[skip : skip + len(view)]
        view[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        first = number * BLOCK_BYTES
        block = self._fetch(first, min(first + BLOCK_BYTES, self._size) - 1)
        self._blocks[number] = block
        if len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)
        return block
