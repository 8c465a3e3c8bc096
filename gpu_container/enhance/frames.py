"""A frame between decoder and encoder: planes as arrays, and the time it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.uint16]
"""(height, width). Rows may be padded: strides say how far. Above 8 bits: uint16,
the value in the low bits, host byte order. On a GPU: a CUDA tensor of the same form."""


@dataclass(frozen=True, slots=True)
class Colour:
    """The stream's colour tags, as ISO/IEC 23091-2 (H.273) numbers them; 2 is unspecified."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool | None = None
    chroma_location: int = 0
    """As FFmpeg's AVChromaLocation: 0 unspecified, 1 left, 2 centre, 3 top left."""


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What is true of every frame at one point of the chain; a stage says what it changes."""

    width: int
    height: int
    format: str
    """Planar pixel format as FFmpeg names it: `gray`, `yuv420p`, `yuv422p10le`, `yuv444p` …
    Alpha, packed and RGB sources are refused or converted by the decoder, and named."""
    depth: int
    """Bits per sample: 8, 10 or 12."""
    chroma_w: int
    """How many luma samples share a chroma sample across: 1 or 2; 0 without chroma."""
    chroma_h: int
    time_base: Fraction
    """Of the source's stream; every `pts` counts it, from decoder to container."""
    rate: Fraction | None
    """Nominal frames per second; None where the source's rate varies."""
    sample_aspect: Fraction = Fraction(1)
    colour: Colour = Colour()
    rotation: int = 0
    """Degrees clockwise by which a player turns the picture: 0, 90, 180 or 270."""
    bits_per_pixel: float = 0.0
    """Of the coded source: tells a clean source from a coded one."""


@dataclass(slots=True)
class Frame:
    """One picture."""

    planes: tuple[Plane, ...]
    """Y, or Y U V."""
    pts: int
    """When it is shown, in `StreamFacts.time_base`."""
    duration: int
    """How long, in the same unit; 0 if unknown."""
    interlaced: bool = False
    top_field_first: bool = False
    owner: Any = field(default=None, repr=False)
    """Keeps the memory under the planes alive: the decoder's frame."""
