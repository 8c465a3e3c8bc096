"""The encoders: what each can hold, and its words for constant quality.

Never a bit rate: rate control would restart at every chunk, and show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from enhance.media.facts import Hdr
from enhance.media.hdr import for_svtav1, for_x264, for_x265

Options = dict[str, str]

_PLANAR_8 = ("yuv420p", "yuv422p", "yuv444p")
_PLANAR_10 = ("yuv420p10le", "yuv422p10le", "yuv444p10le")


@dataclass(frozen=True, slots=True)
class Encoder:
    """One encoder of FFmpeg's."""

    name: str
    codec: str
    formats: tuple[str, ...]
    quality: int
    """Where the spec asks for none: visually lossless for moving pictures, or near it."""
    worst: int
    """The highest number that its scale has."""
    preset: str
    options: Callable[[int, str, Hdr], Options]
    hdr: bool = True
    """Whether it writes mastering metadata."""
    fields: bool = False
    """Whether it codes interlaced frames as such."""


@cache
def _has_avx512() -> bool:
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def _x264(quality: int, preset: str, hdr: Hdr) -> Options:
    # With AVX-512 its macroblock tree reads what nobody wrote: small pictures are not coded twice
    # alike (7 results of 24 at 320x180), and a chunk made again would be another one.
    words = [*for_x264(hdr), *(("asm=avx2",) if _has_avx512() else ())]
    return {"crf": str(quality), "preset": preset} | (
        {"x264-params": ":".join(words)} if words else {}
    )


def _x265(quality: int, preset: str, hdr: Hdr) -> Options:
    # `info` would write the machine's core count into the headers, and chunks of two machines would
    # not join.
    words = ["log-level=error", "info=0", "open-gop=0", *for_x265(hdr)]
    return {"crf": str(quality), "preset": preset, "x265-params": ":".join(words)}


def _svtav1(quality: int, preset: str, hdr: Hdr) -> Options:
    words = for_svtav1(hdr)
    return {"crf": str(quality), "preset": preset} | (
        {"svtav1-params": ":".join(words)} if words else {}
    )


def _prores(quality: int, preset: str, hdr: Hdr) -> Options:
    # Zero: as the profile wants it. Else a fixed quantiser.
    fixed = {"flags": "+qscale", "global_quality": str(quality * 118)} if quality else {}
    return {"profile": preset, "vendor": "apl0"} | fixed


def _nvenc(quality: int, preset: str, hdr: Hdr) -> Options:
    return {"preset": preset, "tune": "hq", "rc": "vbr", "cq": str(quality), "b": "0"}


SOFTWARE = {
    "h264": Encoder("libx264", "h264", _PLANAR_8 + _PLANAR_10, 17, 51, "fast", _x264, fields=True),
    "hevc": Encoder(
        "libx265",
        "hevc",
        (*_PLANAR_8, *_PLANAR_10, "yuv420p12le", "yuv422p12le", "yuv444p12le"),
        18,
        51,
        "fast",
        _x265,
    ),
    "av1": Encoder("libsvtav1", "av1", ("yuv420p", "yuv420p10le"), 22, 63, "8", _svtav1),
    "prores": Encoder(
        "prores_ks", "prores", ("yuv422p10le", "yuv444p10le"), 0, 63, "hq", _prores, hdr=False
    ),
}
HARDWARE = {
    "h264": Encoder("h264_nvenc", "h264", ("yuv420p", "yuv444p"), 19, 51, "p5", _nvenc, hdr=False),
    "hevc": Encoder(
        "hevc_nvenc", "hevc", ("yuv420p", "yuv444p", "p010le"), 20, 51, "p5", _nvenc, hdr=False
    ),
    "av1": Encoder("av1_nvenc", "av1", ("yuv420p", "p010le"), 26, 63, "p5", _nvenc, hdr=False),
}
