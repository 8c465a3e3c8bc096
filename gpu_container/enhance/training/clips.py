"""Moving pictures for the gate: pans over photographs, and a drawn scene with its own movement."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from enhance.training import drawings
from enhance.training.coding import as_frame, luma_of
from enhance.training.photos import Luma

SIZE = (512, 288)
"""Width and height of the frames."""
_SEED = 77_001
"""Far from any recipe's seed."""


def video_range(luma: Luma) -> Luma:
    """Full range to video's, 16 to 235."""
    return (16 + luma.astype(np.float32) * (219 / 255)).round().astype(np.uint8)


def pan(photos: Iterable[Luma], frames: int) -> list[Luma]:
    """Scene after scene, a window drifts over one photograph each, by whole pixels.

    Args:
        photos: Each larger than `SIZE`; smaller ones are left out.
        frames: Of each scene.
    """
    clip: list[Luma] = []
    for number, luma in enumerate(photos):
        room = np.array(luma.shape) - SIZE[::-1]
        if room.min() < 0:
            continue
        start, way = (np.zeros(2), room) if number % 2 else (room, -room)
        way = np.clip(way, -5 * frames, 5 * frames)
        for i in range(frames):
            top, left = np.round(start + way * i / frames).astype(int)
            window = luma[top : top + SIZE[1], left : left + SIZE[0]]
            clip.append(video_range(np.ascontiguousarray(window)))
    return clip


def cartoon(frames: int) -> list[Luma]:
    """Line art that drifts behind a figure and a caption which move their own way."""
    rng = np.random.default_rng(_SEED)
    behind = np.hstack([drawings.art(rng), drawings.art(rng)])
    clip: list[Luma] = []
    for i in range(frames):
        left, top = 3 * i, 40 + i
        image = Image.fromarray(behind[top : top + SIZE[1], left : left + SIZE[0]].copy())
        _figure(image, 330 - 4 * i, 90 + round(20 * np.sin(i / 4)))
        clip.append(video_range(np.asarray(image)))
    return clip


def _figure(image: Image.Image, x: int, y: int) -> None:
    """A face in flat colours with outlines, drawn fine and reduced."""
    fine = Image.new("L", (480, 480), 0)
    mask = Image.new("L", fine.size, 0)
    ImageDraw.Draw(mask).ellipse((20, 20, 460, 460), fill=255)
    draw = ImageDraw.Draw(fine)
    draw.ellipse((20, 20, 460, 460), fill=225, outline=20, width=8)
    draw.pieslice((20, 20, 460, 460), 180, 360, fill=70, outline=20, width=6)
    for eye in (140, 270):
        draw.ellipse((eye, 240, eye + 70, 330), fill=250, outline=15, width=6)
        draw.ellipse((eye + 20, 260, eye + 55, 320), fill=40)
        draw.ellipse((eye + 25, 268, eye + 38, 284), fill=255)
    draw.arc((180, 330, 300, 400), 20, 160, fill=20, width=6)
    for strand in range(60, 430, 30):
        draw.line((240, 20, strand, 220), fill=30, width=3)
    small = fine.resize((120, 120), Image.Resampling.BOX)
    image.paste(small, (x, y), mask.resize((120, 120), Image.Resampling.BOX))


def halved(luma: Luma) -> Luma:
    """The picture at half its size by FFmpeg's bicubic: a kernel that training does not use."""
    height, width = luma.shape
    return luma_of(
        as_frame(luma).reformat(width=width // 2, height=height // 2, interpolation="BICUBIC")
    )
