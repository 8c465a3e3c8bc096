"""Between PyAV's frames and ours, without a copy where the memory allows."""

from __future__ import annotations

from enhance.frames import Frame, StreamFacts


def new_frame(facts: StreamFacts, pts: int, duration: int) -> Frame:
    """Make a frame whose planes are to be written into, in memory that the encoder reads."""
    raise NotImplementedError
