"""What a scan finds in a file: the form in which plan, chunk workers and assembly share it.

All times are integers in the time base of the stream that they belong to. The models go to JSON
and back unchanged; timestamps travel as runs of equal steps, so an hour of constant rate is a few
bytes.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby, pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from enhance.frames import Colour


def pack_pts(pts: tuple[int, ...]) -> list[list[int]]:
    """Write timestamps as [first, [step, how many], ...]."""
    if not pts:
        return []
    steps = (b - a for a, b in pairwise(pts))
    return [[pts[0], 1], *([step, len(list(run))] for step, run in groupby(steps))]


def unpack_pts(packed: Any) -> Any:
    """Read what `pack_pts` wrote; a tuple of integers passes as it is."""
    if isinstance(packed, tuple):
        return packed
    pts: list[int] = []
    for step, count in packed:
        base = pts[-1] if pts else 0
        pts.extend(base + step * n for n in range(1, count + 1))
    return tuple(pts)


Timestamps = Annotated[
    tuple[int, ...], BeforeValidator(unpack_pts), PlainSerializer(pack_pts, when_used="json")
]
Ratio = Annotated[Fraction, PlainSerializer(str, when_used="json")]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hdr(_Facts):
    """Static HDR10 metadata, in the integer units of H.265 D.3.28 and CTA-861.3."""

    mastering: tuple[int, ...] | None = None
    """Rx Ry Gx Gy Bx By Wx Wy in 1/50000, then max and min luminance in 1/10000 cd/m²."""
    content_light: tuple[int, int] | None = None
    """MaxCLL, MaxFALL in cd/m²."""


class Track(_Facts):
    """A stream beside the enhanced one, copied as it is where the container holds its codec."""

    index: int
    kind: str
    """`audio`, `subtitle`, `attachment`, `cover`, `data` or `video` (a further one, left out)."""
    codec: str | None
    language: str | None = None
    packets: int = 0
    start: int | None = None
    time_base: Ratio | None = None


class Jump(_Facts):
    """A break in the clock of a transport stream: what is read at or after `pos` is shifted."""

    pos: int
    """Byte position in the file."""
    shift: int
    """To add, in ticks of 1/90000 s, the clock of all such streams."""


class Keyframe(_Facts):
    """Where decoding can start."""

    pts: int
    dts: int | None


class Index(_Facts):
    """Everything that is known of a file after one pass over its packets."""

    container: str
    """Demuxer, as FFmpeg names it, such as `mov,mp4,m4a,3gp,3g2,mj2`."""
    size_bytes: int
    stream: int
    """Index of the video stream that is enhanced."""
    codec: str
    profile: str | None = None
    width: int
    height: int
    pixel_format: str
    """As decoded; `Source.facts.format` is what it becomes."""
    time_base: Ratio
    pts: Timestamps
    """Of every frame to be shown, sorted, each once: a frame with the time of the one before it is
    one tick later."""
    last_duration: int
    """Of the last frame; 0 if unknown."""
    keyframes: tuple[Keyframe, ...]
    """By `pts`."""
    reorder: int
    """By how many frames decoding runs ahead of showing."""
    rate: Ratio | None
    """Frames per second; None if it varies."""
    sample_aspect: Ratio = Fraction(1)
    colour: Colour = Colour()
    hdr: Hdr = Hdr()
    display_matrix: tuple[int, ...] | None = None
    """Nine numbers as FFmpeg's AV_PKT_DATA_DISPLAYMATRIX; None if the picture is upright."""
    rotation: int = 0
    """Of the display matrix: degrees counter-clockwise, in quarter turns."""
    flipped: bool = False
    interlaced: bool = False
    top_field_first: bool = False
    bits: int = 0
    """Coded size of the video stream's packets."""
    tracks: tuple[Track, ...] = ()
    chapters: int = 0
    jumps: tuple[Jump, ...] = ()
    start: Ratio = Fraction(0)
    """The earliest time in the file, of any stream, in seconds."""
    duplicates: int = 0
    """Frames that had the time of the one before."""
    leading: int = 0
    """Frames before the first keyframe: nobody can decode them."""
    lost: int = 0
    """Frames that the header promises and the bytes do not hold: the file was cut off."""
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames can be expected of the decoder."""
        return len(self.pts)

    @property
    def end(self) -> int:
        """The time at which the last frame ends: one past every `pts`."""
        return self.pts[-1] + max(1, self.last_duration) if self.pts else 0

    @property
    def duration_s(self) -> float:
        """From the first frame's start to the last one's end."""
        return float((self.end - self.pts[0]) * self.time_base) if self.pts else 0.0

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as shown, rotation applied."""
        turned = self.rotation % 180 != 0
        return (self.height, self.width) if turned else (self.width, self.height)
