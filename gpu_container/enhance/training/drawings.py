"""Drawn pictures for training, beside photographs: leaves, line art, gratings, noise.

Photographs in wheels are few and all of one kind. Film, anime and screen recordings have flat
areas, hard edges, thin lines and type; these teach them. Each function draws one picture from a
random generator: the same generator state, the same picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from enhance.training.photos import Luma

SIZE = (512, 384)
"""Width and height of a drawing."""
_FINE = 3
"""Drawn this much larger, then averaged: edges as smooth as a lens makes them."""
Points = list[tuple[float, float]]


def _canvas(grey: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", (SIZE[0] * _FINE, SIZE[1] * _FINE), grey)
    return image, ImageDraw.Draw(image)


def _finish(image: Image.Image) -> Luma:
    return np.asarray(image.resize(SIZE, Image.Resampling.BOX))


def _grey(rng: Generator) -> int:
    return int(rng.integers(0, 256))


def blob(rng: Generator, radius: float, rough: float) -> Points:
    """A closed smooth outline about a random centre: a circle bent by four waves."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    bend = np.ones_like(turn)
    for wave in range(2, 6):
        bend += rough * rng.normal() / wave * np.cos(wave * turn + rng.uniform(0, 2 * np.pi))
    x = rng.uniform(0, SIZE[0] * _FINE) + radius * bend * np.cos(turn) * rng.uniform(0.5, 1.5)
    y = rng.uniform(0, SIZE[1] * _FINE) + radius * bend * np.sin(turn)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def leaves(rng: Generator) -> Luma:
    """Shapes upon shapes, their sizes by a power law: the edges and occlusions of photographs."""
    image, draw = _canvas(_grey(rng))
    for _ in range(500):
        radius = min(6 * _FINE / rng.uniform(0.02, 1) ** 0.9, 200 * _FINE)
        draw.polygon(blob(rng, radius, rng.uniform(0, 0.5)), fill=_grey(rng))
    soft = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2) * _FINE))
    base = _finish(image if rng.random() < 0.5 else soft).astype(np.float32)
    texture = _cloud(rng, rng.uniform(0.6, 1.6)) * rng.uniform(0, 14)
    return np.clip(base + texture, 0, 255).round().astype(np.uint8)


def art(rng: Generator) -> Luma:
    """Line art: flat shapes with dark outlines, curved strokes, a soft background."""
    image, draw = _canvas(_grey(rng))
    if rng.random() < 0.7:
        ramp = np.linspace(rng.uniform(0, 255), rng.uniform(0, 255), SIZE[1] * _FINE)
        rows = np.repeat(ramp[:, None], SIZE[0] * _FINE, axis=1).astype(np.uint8)
        image = Image.fromarray(rows)
        draw = ImageDraw.Draw(image)
    ink = int(rng.integers(0, 60))
    for _ in range(int(rng.integers(15, 60))):
        outline = blob(rng, rng.uniform(5, 90) * _FINE, rng.uniform(0, 0.5))
        draw.polygon(outline, fill=_grey(rng))
        if rng.random() < 0.8:
            width = int(rng.uniform(0.7, 4) * _FINE)
            draw.line([*outline, outline[0]], fill=ink, width=width, joint="curve")
    for _ in range(int(rng.integers(10, 60))):
        draw.line(
            _stroke(rng),
            fill=_grey(rng) if rng.random() < 0.3 else ink,
            width=max(1, int(rng.uniform(0.5, 3) * _FINE)),
            joint="curve",
        )
    return _finish(image)


def _stroke(rng: Generator) -> Points:
    """A cubic Bézier curve between random points: hair, folds, hatching."""
    start = rng.uniform(0, 1, 2) * (SIZE[0] * _FINE, SIZE[1] * _FINE)
    corners = start + np.cumsum(rng.normal(0, 45 * _FINE, (4, 2)), axis=0)
    t = np.linspace(0, 1, 40)[:, None]
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    curve = sum(w * corner for w, corner in zip(weights, corners, strict=True))
    return [(float(x), float(y)) for x, y in np.asarray(curve)]


def gratings(rng: Generator) -> Luma:
    """Waves, rings and bars of many directions and widths, in a patchwork."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    picture = np.zeros(SIZE[::-1], np.float32)
    tile = 128
    for top in range(0, SIZE[1], tile):
        for left in range(0, SIZE[0], tile):
            part = np.s_[top : top + tile, left : left + tile]
            angle, period = rng.uniform(0, np.pi), rng.uniform(2.5, 24)
            phase = x[part] * np.cos(angle) + y[part] * np.sin(angle)
            if rng.random() < 0.3:
                phase = np.hypot(x[part] - left - 64, y[part] - top - 64)
            wave = np.sin(2 * np.pi * phase / period)
            if rng.random() < 0.5:  # bars: steep flanks, about a pixel wide
                wave = np.clip(wave * period / 3, -1, 1)
            low, high = np.sort(rng.uniform(0, 255, 2))
            picture[part] = low + (high - low) * (wave + 1) / 2
    return picture.round().astype(np.uint8)


def clouds(rng: Generator) -> Luma:
    """Noise with the spectrum of nature, partly cut into hard areas."""
    field = _cloud(rng, rng.uniform(0.8, 2.0))
    if rng.random() < 0.4:
        levels = int(rng.integers(2, 7))
        field = np.round(field * levels / 2) * 2 / levels
    return np.clip(128 + field * rng.uniform(20, 60), 0, 255).round().astype(np.uint8)


def _cloud(rng: Generator, slope: float) -> np.ndarray:
    """Noise of mean 0 and deviation 1, amplitude falling as 1 / frequency ** slope."""
    spectrum = np.fft.rfft2(rng.normal(size=SIZE[::-1]))
    fy, fx = np.fft.fftfreq(SIZE[1])[:, None], np.fft.rfftfreq(SIZE[0])[None, :]
    spectrum /= np.maximum(np.hypot(fx, fy), 1 / SIZE[0]) ** slope
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, SIZE[::-1])
    return (field / field.std()).astype(np.float32)


DRAWINGS: tuple[Callable[[Generator], Luma], ...] = (leaves, art, gratings, clouds)
