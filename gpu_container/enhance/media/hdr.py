"""Static HDR10 metadata: out of FFmpeg's structures, into the encoders' own words."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame

from enhance.media.facts import Hdr

_MASTERING = struct.Struct("=20i2i")
"""AVMasteringDisplayMetadata of libavutil/mastering_display_metadata.h: ten rationals (R, G, B,
white point: x and y; luminance: min, max) and which of the two groups is present."""
_DYNAMIC = {
    Type.DOVI_RPU_BUFFER: "Dolby Vision metadata",
    Type.DYNAMIC_HDR_PLUS: "HDR10+ metadata",
    Type.A53_CC: "closed captions inside the pictures",
}
"""Tied to the frames as they were. An encoder gets them with a frame that is only converted, and
only some encoders write them; a frame that is made anew has none."""
_CHROMATICITY = 50_000
_LUMINANCE = 10_000


def side_data(frame: VideoFrame) -> list[SideData]:
    """List what hangs on a decoded frame."""
    entries: Any = frame.side_data  # a mapping by the stubs, a sequence too in fact
    return [entries[n] for n in range(len(entries))]


def read_hdr(frame: VideoFrame) -> Hdr:
    """Take what a decoded frame carries."""
    mastering: tuple[int, ...] | None = None
    light: tuple[int, int] | None = None
    for entry in side_data(frame):
        raw = bytes(entry)
        if entry.type is Type.MASTERING_DISPLAY_METADATA and len(raw) >= _MASTERING.size:
            mastering = _read_mastering(raw)
        elif entry.type is Type.CONTENT_LIGHT_LEVEL and len(raw) >= 8:
            light = struct.unpack_from("=2I", raw)
    return Hdr(mastering=mastering, content_light=light)


def uncarried(kinds: Iterable[Type]) -> list[str]:
    """Say what hangs on the source's frames that enhanced ones do not have."""
    found = set(kinds)
    return [f"{name} may be lost" for kind, name in _DYNAMIC.items() if kind in found]


def _read_mastering(raw: bytes) -> tuple[int, ...] | None:
    *numbers, has_primaries, has_luminance = _MASTERING.unpack_from(raw)
    if not (has_primaries and has_luminance):
        return None
    units = [_CHROMATICITY] * 8 + [_LUMINANCE] * 2
    values = [
        round(num * unit / den) if den else 0
        for num, den, unit in zip(numbers[::2], numbers[1::2], units, strict=True)
    ]
    *points, darkest, brightest = values
    return (*points, brightest, darkest)


def for_x265(hdr: Hdr) -> list[str]:
    """Write x265-params; libx264 takes the same numbers under other names."""
    words: list[str] = []
    if hdr.mastering:
        words.append(f"master-display={_integers(hdr.mastering)}")
    if hdr.content_light:
        words.append("max-cll={},{}".format(*hdr.content_light))
    return [*words, "hdr10=1"] if words else []


def for_x264(hdr: Hdr) -> list[str]:
    """Write x264-params."""
    words: list[str] = []
    if hdr.mastering:
        words.append(f"mastering-display={_integers(hdr.mastering)}")
    if hdr.content_light:
        words.append("cll={},{}".format(*hdr.content_light))
    return words


def for_svtav1(hdr: Hdr) -> list[str]:
    """Write svtav1-params: the same in decimal fractions."""
    words: list[str] = []
    if hdr.mastering:
        rx, ry, gx, gy, bx, by, wx, wy = (value / _CHROMATICITY for value in hdr.mastering[:8])
        high, low = (value / _LUMINANCE for value in hdr.mastering[8:])
        words.append(
            f"mastering-display=G({gx:.5f},{gy:.5f})B({bx:.5f},{by:.5f})R({rx:.5f},{ry:.5f})"
            f"WP({wx:.5f},{wy:.5f})L({high:.4f},{low:.4f})"
        )
    if hdr.content_light:
        words.append("content-light={},{}".format(*hdr.content_light))
    return words


def _integers(mastering: tuple[int, ...]) -> str:
    rx, ry, gx, gy, bx, by, wx, wy, high, low = mastering
    return f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})"
