"""A file that is fit to be enhanced."""

from __future__ import annotations

from dataclasses import dataclass, replace

from enhance.frames import Colour, StreamFacts
from enhance.media.facts import Index
from enhance.media.index import scan
from enhance.media.layout import is_rgb, layout_of
from enhance.media.opening import Media

_HD_LINES = 720
_BT601, _BT709 = 6, 1
"""H.273 matrix numbers. Untagged RGB gets the matrix that players assume for its size."""


@dataclass(frozen=True, slots=True)
class Source:
    """A scanned file, and what its frames look like once decoded."""

    media: Media
    index: Index
    facts: StreamFacts
    """Of the frames that `decode.frames` yields."""
    notes: tuple[str, ...] = ()
    """For the report: conversions, oddities."""


def open_source(media: Media, index: Index | None = None) -> Source:
    """Refuse what cannot be enhanced, by name; else say what the frames will be.

    Args:
        media: A path, a file object, or a function that opens one.
        index: Of the same file, where `scan` has been done before.

    Raises:
        BadInputError: `unreadable`, `no_video`, `no_frames`, `encrypted`, `codec_unsupported`,
            `alpha_unsupported`.
    """
    index = index or scan(media)
    layout = layout_of(index.pixel_format)
    pixels = index.width * index.height * index.frames
    facts = StreamFacts(
        width=index.width,
        height=index.height,
        format=layout.format,
        depth=layout.depth,
        chroma_w=layout.chroma_w,
        chroma_h=layout.chroma_h,
        time_base=index.time_base,
        rate=index.rate,
        sample_aspect=index.sample_aspect,
        colour=_colour(index),
        rotation=-index.rotation % 360,
        bits_per_pixel=index.bits / pixels if pixels else 0.0,
    )
    return Source(media, index, facts, (*index.notes, *_oddities(index, facts)))


def _colour(index: Index) -> Colour:
    if not is_rgb(index.pixel_format):
        return index.colour
    matrix = _BT709 if index.height >= _HD_LINES else _BT601
    return replace(index.colour, matrix=matrix, full_range=False)


def _oddities(index: Index, facts: StreamFacts) -> list[str]:
    said: list[str] = []
    plain = index.pixel_format.replace("yuvj", "yuv")
    if is_rgb(index.pixel_format):
        matrix = {_BT601: "BT.601", _BT709: "BT.709"}[facts.colour.matrix]
        said.append(f"{plain} becomes {facts.format} ({matrix}, limited range)")
    elif plain != facts.format:
        said.append(f"{plain} becomes {facts.format}")
    if index.duplicates:
        said.append(f"{index.duplicates} frames had the time of the one before: one tick later now")
    if index.leading:
        said.append(f"{index.leading} frames before the first keyframe cannot be decoded")
    if index.lost:
        said.append(f"the file is cut off: its header promises {index.lost} frames more")
    if index.jumps:
        said.append(f"the clock breaks {len(index.jumps)} times: the parts follow each other now")
    return said
