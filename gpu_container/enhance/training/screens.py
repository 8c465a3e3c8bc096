"""Drawn screens and pages: type and widgets, pixel for pixel as a computer draws them."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from enhance.training.drawings import SIZE, clouds, leaves
from enhance.training.photos import Luma

_FONTS = (
    "DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSansMono DejaVuSansMono-Bold "
    "DejaVuSerif DejaVuSerif-Bold STIXGeneral STIXGeneralBol STIXGeneralItalic"
).split()
_LETTERS = "etaoinshrdlucmfwypvbgkjqxzETAOINSHRDL0123456789.,:;()[]{}<>=+-*/_#@&%"
_LIKELY = np.array([max(60 - 1.5 * i, 2) for i in range(len(_LETTERS))])


@lru_cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("matplotlib is not installed: `make install-torch` does it")
    path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(path), size)


def _words(rng: Generator, count: int) -> str:
    lengths = rng.integers(1, 10, count)
    letters = rng.choice(list(_LETTERS), int(lengths.sum()), p=_LIKELY / _LIKELY.sum())
    ends = np.cumsum(lengths)
    return " ".join("".join(letters[end - n : end]) for n, end in zip(lengths, ends, strict=True))


def _lines(draw: ImageDraw.ImageDraw, rng: Generator, box: tuple[int, ...], ink: int) -> None:
    """Fill a box with lines of one font and size."""
    left, top, right, bottom = box
    size = int(rng.integers(9, 30))
    font = _font(str(rng.choice(_FONTS)), size)
    indent = 0
    while top + size < bottom:
        if rng.random() < 0.3:  # as in code
            indent = int(rng.integers(0, 4)) * 2 * size
        text = _words(rng, max(1, (right - left - indent) // (4 * size)))
        draw.text((left + indent, top), text, font=font, fill=ink)
        top += int(size * 1.35)


def screen(rng: Generator) -> Luma:
    """Windows with title bars, type, buttons and one-pixel frames, in light or dark."""
    dark = bool(rng.random() < 0.4)
    paper = int(rng.integers(0, 60) if dark else rng.integers(200, 256))
    ink = int(rng.integers(170, 256) if dark else rng.integers(0, 70))
    image = Image.new("L", SIZE, int(rng.integers(0, 256)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 5))):
        left, top = int(rng.integers(0, SIZE[0] - 200)), int(rng.integers(0, SIZE[1] - 140))
        right, bottom = (left + int(rng.integers(180, SIZE[0])), top + int(rng.integers(120, 380)))
        edge = int(rng.integers(0, 256))
        draw.rectangle((left, top, right, bottom), fill=paper, outline=edge)
        draw.rectangle((left, top, right, top + 22), fill=edge)
        draw.text((left + 6, top + 4), _words(rng, 3), font=_font("DejaVuSans", 13), fill=paper)
        _lines(draw, rng, (left + 8, top + 28, right - 8, bottom - 30), ink)
        for button in range(int(rng.integers(0, 4))):
            x, y = left + 10 + 90 * button, bottom - 26
            draw.rounded_rectangle((x, y, x + 80, y + 20), 5, fill=edge, outline=ink)
            draw.ellipse((x + 4, y + 4, x + 16, y + 16), fill=paper)
    return np.asarray(image)


def page(rng: Generator) -> Luma:
    """A page of type, or captions with an outline upon a picture."""
    if rng.random() < 0.5:
        image = Image.new("L", SIZE, int(rng.integers(190, 256)))
        middle = int(rng.integers(150, SIZE[0] - 150))
        draw = ImageDraw.Draw(image)
        _lines(draw, rng, (8, 8, middle - 8, SIZE[1]), int(rng.integers(0, 80)))
        _lines(draw, rng, (middle, 8, SIZE[0] - 8, SIZE[1]), int(rng.integers(0, 80)))
        return np.asarray(image)
    image = Image.fromarray(clouds(rng) if rng.random() < 0.5 else leaves(rng))
    draw = ImageDraw.Draw(image)
    for top in range(10, SIZE[1] - 50, 60):
        font = _font(str(rng.choice(_FONTS)), int(rng.integers(16, 44)))
        draw.text(
            (int(rng.integers(0, 80)), top),
            _words(rng, 6),
            font=font,
            fill=245,
            stroke_width=int(rng.integers(0, 3)),
            stroke_fill=10,
        )
    return np.asarray(image)


SCREENS = (screen, page)
