"""Pairs to learn from: a small picture, and the large one that it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from enhance.training.coding import coded
from enhance.training.drawings import DRAWINGS
from enhance.training.photos import TRAIN, Luma, photographs
from enhance.training.recipe import Recipe
from enhance.training.screens import SCREENS

Pair = tuple[Luma, Luma]
Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""(batch, 1, patch, patch), and the same times the scale."""

_R = Image.Resampling
KERNELS = (_R.BICUBIC, _R.BICUBIC, _R.BICUBIC, _R.LANCZOS, _R.LANCZOS, _R.BOX)
"""How the small pictures of this world were made, as often as here; all with the right blur."""
SHRINK = (1.0, 0.7, 0.5, 0.35)
"""Photographs are learnt from at these sizes too: smaller ones are sharper."""
PHOTO_SHARE = (0.75, 0.9)
"""Of the patches, in a training's first 0.6 and in the rest. Drawings have by far the larger errors
and so count for more than their share; what is learnt last should be what cameras see."""
EARLY = 0.6
WINDOW = (448, 288)
"""Width and height of a coded clip, at the large size."""
FRAMES = 10
KEPT = (0, 4, 5, 9)
"""Of a clip's frames, these are learnt from: the key frame, and others between."""

REPEATABLE = "mbtree=0"
"""With AVX-512, x264's macroblock tree gives other bytes for the same clip 1 time in 4 (measured;
never with `asm=avx2`): a seed would not decide the pairs."""


def shrunk(luma: Luma, scale: int, kernel: Image.Resampling) -> Luma:
    """The picture `scale` times smaller each way; its edges must be multiples of `scale`."""
    if scale == 1:
        return luma
    height, width = luma.shape
    return np.asarray(Image.fromarray(luma).resize((width // scale, height // scale), kernel))


def ranged(luma: Luma, rng: Generator) -> Luma:
    """Mostly in video's range, 16 to 235: what a decoder's luma plane holds."""
    if rng.random() < 0.25:
        return luma
    return (16 + luma.astype(np.float32) * (219 / 255)).round().astype(np.uint8)


def pictures(rng: Generator, drawings: int) -> tuple[list[Luma], list[Luma]]:
    """The large pictures: photographs, and drawings of each kind."""
    photos: list[Luma] = []
    for _, luma in photographs(TRAIN):
        image = Image.fromarray(luma)
        for factor in SHRINK:
            size = (round(image.width * factor), round(image.height * factor))
            if min(size) >= 140:
                smaller = image.resize(size, Image.Resampling.LANCZOS)
                photos.append(ranged(np.asarray(smaller), rng))
    kinds = (*DRAWINGS, *SCREENS)
    drawn = [ranged(kinds[i % len(kinds)](rng), rng) for i in range(drawings)]
    return photos, drawn


@dataclass(frozen=True)
class Corpus:
    """Pairs in two groups, photographs and drawings."""

    groups: tuple[list[Pair], list[Pair]]
    recipe: Recipe

    def batch(self, step: int) -> Batch:
        """The batch of this step: its own random numbers, so that any step can come first."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, 1, step))
        share = PHOTO_SHARE[step >= EARLY * recipe.steps]
        small, large = zip(*(self._patch(rng, share) for _ in range(recipe.batch)), strict=True)
        return np.stack(small)[:, None], np.stack(large)[:, None]

    def _patch(self, rng: Generator, share: float) -> Pair:
        group = self.groups[0 if rng.random() < share else 1]
        low, high = group[int(rng.random() * len(group))]
        edge, scale = self.recipe.patch, self.recipe.scale
        top = int(rng.random() * (low.shape[0] - edge + 1))
        left = int(rng.random() * (low.shape[1] - edge + 1))
        small = low[top : top + edge, left : left + edge]
        top, left, edge = top * scale, left * scale, edge * scale
        large = high[top : top + edge, left : left + edge]
        turn = int(rng.random() * 8)
        if turn & 1:
            small, large = small[::-1], large[::-1]
        if turn & 2:
            small, large = small[:, ::-1], large[:, ::-1]
        return (small.T, large.T) if turn & 4 else (small, large)


def corpus(recipe: Recipe, drawings: int = 120) -> Corpus:
    """Build the pairs of a recipe: the same seed, the same pairs."""
    rng = np.random.default_rng((recipe.seed, 0))
    photos, drawn = pictures(rng, drawings)
    make = _clean if recipe.variant == "clean" else _coded
    groups = tuple(
        [pair for luma in group for pair in make(luma, recipe, rng)] for group in (photos, drawn)
    )
    return Corpus((groups[0], groups[1]), recipe)


def _clean(luma: Luma, recipe: Recipe, rng: Generator) -> Iterator[Pair]:
    del rng
    scale = recipe.scale
    height, width = (edge - edge % scale for edge in luma.shape)
    high = np.ascontiguousarray(luma[:height, :width])
    for kernel in KERNELS:
        yield shrunk(high, scale, kernel), high


def _coded(luma: Luma, recipe: Recipe, rng: Generator) -> Iterator[Pair]:
    """Three clips that move over the picture, each coded its own way; one pair in five uncoded."""
    for _ in range(3):
        kernel = KERNELS[int(rng.integers(len(KERNELS)))]
        large = _pan(luma, 2 * recipe.scale, rng)
        small = [shrunk(frame, recipe.scale, kernel) for frame in large]
        codec, options = _encoder(recipe, rng)
        after = coded(small, codec, options)
        for i in KEPT:
            yield (small[i] if rng.random() < 0.2 else after[i]), large[i]


def _pan(luma: Luma, unit: int, rng: Generator) -> list[Luma]:
    """Windows that move by whole pixels, so that what the small ones show moves by fractions.

    Their edges are multiples of `unit`.
    """
    edges = zip(WINDOW, luma.shape[::-1], strict=True)
    width, height = (min(most, edge) // unit * unit for most, edge in edges)
    room = np.array([luma.shape[0] - height, luma.shape[1] - width])
    place, speed = rng.uniform(0, 1, 2) * room, rng.integers(-5, 6, 2)
    windows: list[Luma] = []
    for i in range(FRAMES):
        top, left = np.clip(np.round(place + i * speed), 0, room).astype(int)
        windows.append(np.ascontiguousarray(luma[top : top + height, left : left + width]))
    return windows


def _encoder(recipe: Recipe, rng: Generator) -> tuple[str, dict[str, str]]:
    """x264 at any quality in use; to take blocks away, older coders that leave them too."""
    if recipe.variant == "deblock" and rng.random() < 0.3:
        quality = str(int(rng.integers(3, 14)))
        return "mpeg4", {"qmin": quality, "qmax": quality}
    best, worst = (12, 33) if recipe.variant == "codec" else (20, 38)
    crf = str(int(rng.integers(best, worst + 1)))
    preset = str(rng.choice(["veryfast", "medium"]))
    return "libx264", {"crf": crf, "preset": preset, "x264-params": REPEATABLE}
