"""Which pixel formats frames come in, and what the others become."""

from __future__ import annotations

from dataclasses import dataclass

from av.video.format import VideoFormat

from enhance.errors import BadInputError
from enhance.media.planes import planar_name

_DEPTHS = {8: "", 10: "10le", 12: "12le"}
_SUBSAMPLING = {(2, 2): "420", (2, 1): "422", (1, 1): "444"}


@dataclass(frozen=True, slots=True)
class Layout:
    """A planar format that stages work on."""

    format: str
    depth: int
    chroma_w: int
    chroma_h: int


def layout_of(name: str) -> Layout:
    """Choose the planar format nearest to any format, losing nothing up to 12 bits.

    Args:
        name: As FFmpeg names it; RGB and palettes become 4:4:4.
    """
    name = planar_name(name)
    form = VideoFormat(name, 16, 16)
    bits = max(part.bits for part in form.components if not part.is_alpha)
    depth = next((d for d in _DEPTHS if bits <= d), 12)
    if form.is_rgb or form.has_palette:
        return Layout(f"yuv444p{_DEPTHS[depth]}", depth, 1, 1)
    if len([part for part in form.components if not part.is_alpha]) < 3:
        return Layout(f"gray{_DEPTHS[depth]}", depth, 0, 0)
    across, down = 16 // form.chroma_width(), 16 // form.chroma_height()
    if (across, down) not in _SUBSAMPLING:
        # 4:1:1, 4:1:0, 4:4:0: the next finer one that encoders take.
        across, down = min(across, 2), 1 if across > 1 else min(down, 1)
    return Layout(f"yuv{_SUBSAMPLING[across, down]}p{_DEPTHS[depth]}", depth, across, down)


def has_alpha(name: str) -> bool:
    """Tell whether a format has a plane or component of transparency."""
    form = VideoFormat(name, 16, 16)
    return form.has_palette or any(part.is_alpha for part in form.components)


def is_rgb(name: str) -> bool:
    """Tell whether a format needs a matrix to become luma and chroma."""
    form = VideoFormat(name, 16, 16)
    return form.is_rgb or form.has_palette


def alpha_unsupported(what: str) -> BadInputError:
    """Refuse transparency."""
    return BadInputError(
        "alpha_unsupported",
        f"The video is transparent ({what}), and no target here keeps that: put it over a"
        " background first, or convert it to a format without alpha.",
    )
