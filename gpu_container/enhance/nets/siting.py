"""Where chroma samples sit among the luma samples they share."""

from __future__ import annotations

from enhance.frames import StreamFacts


def sits_left(facts: StreamFacts) -> bool:
    """Whether chroma sits on the left luma sample of its pair, where it is halved across.

    Left unless the tag says centre: what H.264, HEVC and MPEG-2 take for granted.
    """
    return facts.chroma_w == 2 and facts.colour.chroma_location not in (2, 4, 6)


def sits_top(facts: StreamFacts) -> bool:
    """Whether chroma sits on the upper luma sample of its pair, where it is halved down."""
    return facts.chroma_h == 2 and facts.colour.chroma_location in (3, 4)
