"""Planes to look at: smooth, with edges, in any format."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from enhance.frames import Colour, Frame, Plane, StreamFacts

_SUB = {"gray": (0, 0), "yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1)}


def facts(width: int, height: int, family: str = "yuv420p", depth: int = 8) -> StreamFacts:
    chroma_w, chroma_h = _SUB[family]
    name = family if depth == 8 else f"{family}{depth}le"
    return StreamFacts(
        width, height, name, depth, chroma_w, chroma_h, Fraction(1, 1000), Fraction(25)
    )


def tagged(stream: StreamFacts, **tags: int | bool) -> StreamFacts:
    return replace(stream, colour=Colour(**tags))


def planes(stream: StreamFacts, seed: int = 0) -> tuple[Plane, ...]:
    """Blurred noise with a bright box, in the limited range."""
    random = np.random.default_rng(seed)
    sizes = [(stream.height, stream.width)]
    if stream.chroma_w:
        chroma = -(-stream.height // stream.chroma_h), -(-stream.width // stream.chroma_w)
        sizes += [chroma, chroma]
    made: list[Plane] = []
    for i, size in enumerate(sizes):
        noise = cv2.GaussianBlur(random.random(size, np.float32), (0, 0), 1.5)
        noise = (noise - noise.min()) / max(float(np.ptp(noise)), 1e-6)
        picture = 40 + 150 * noise if i == 0 else 100 + 60 * noise
        if i == 0:
            picture[size[0] // 3 : size[0] // 2, size[1] // 4 : size[1] // 2] = 220
        kind = np.uint8 if stream.depth == 8 else np.uint16
        made.append((picture * (1 << (stream.depth - 8))).astype(kind))
    return tuple(made)


def frames(stream: StreamFacts, count: int) -> list[Frame]:
    return [Frame(planes(stream, seed), pts=40 * seed, duration=40) for seed in range(count)]


def furthest(one: Plane, other: Plane) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(np.int64) - other.astype(np.int64)).max())
