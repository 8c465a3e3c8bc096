"""Clips to measure with: a camera's way over held-out photographs, made once per run."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import av
import numpy as np
from PIL import Image

from bench.enhance.contest import ffmpeg
from enhance.training.photos import HELD_OUT, paths

LARGE = (1280, 720)
SMALL = (640, 360)
FRAMES = 240
RATE = 25
CRF = "23"
"""Of the coded source."""
_SPEED = (3, 2)
"""Pixels per frame, across and down."""
_TILE = 300
_SEED = 12


class Material:
    """The clips, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def large(self) -> Path:
        """720p, lossless: the truth."""
        field = _field()
        path = self.folder / "large.mkv"
        room = np.array(field.shape[1::-1]) - LARGE
        with av.open(str(path), "w") as output:
            options = {"qp": "0", "preset": "ultrafast"}
            stream = output.add_stream("libx264", rate=RATE, options=options)
            stream.width, stream.height, stream.pix_fmt = *LARGE, "yuv420p"
            for i in range(FRAMES):  # a window that turns back at the field's edges
                x, y = (abs((i * s + r) % (2 * r) - r) for s, r in zip(_SPEED, room, strict=True))
                window = np.ascontiguousarray(field[y : y + LARGE[1], x : x + LARGE[0]])
                output.mux(stream.encode(av.VideoFrame.from_ndarray(window, format="rgb24")))
            output.mux(stream.encode(None))
        return path

    @cached_property
    def small(self) -> Path:
        """Its 360p by FFmpeg's bicubic, x264 at crf 23: what everybody is given."""
        path = self.folder / "small.mp4"
        scale = f"scale={SMALL[0]}:{SMALL[1]}:flags=bicubic"
        ffmpeg("-i", self.large, "-vf", scale, "-c:v", "libx264", "-crf", CRF, path)
        return path

    @cached_property
    def coded(self) -> Path:
        """720p, x264 at crf 23: for those that only code again."""
        path = self.folder / "coded.mp4"
        ffmpeg("-i", self.large, "-c:v", "libx264", "-preset", "veryfast", "-crf", CRF, path)
        return path

    @cached_property
    def long(self) -> Path:
        """5,000 small frames, for memory."""
        path = self.folder / "long.mp4"
        loop = ["-stream_loop", "20", "-i", self.small, "-frames:v", "5000"]
        ffmpeg(*loop, "-vf", "scale=192:108", "-c:v", "libx264", "-preset", "ultrafast", path)
        return path

    @cached_property
    def smooth(self) -> Path:
        """360p at twice the rate, lossless: every other frame is left out for interpolation."""
        path = self.folder / "smooth.mkv"
        scale = f"scale={SMALL[0]}:{SMALL[1]}:flags=bicubic"
        ffmpeg("-i", self.large, "-vf", scale, "-c:v", "libx264", "-qp", "0", path)
        return path

    @cached_property
    def halved(self) -> Path:
        """Every other frame of `smooth`, lossless."""
        path = self.folder / "halved.mkv"
        every = f"select=not(mod(n\\,2)),setpts=N/({RATE}*TB)"
        arguments = ["-vf", every, "-r", str(RATE), "-c:v", "libx264", "-qp", "0"]
        ffmpeg("-i", self.smooth, *arguments, path)
        return path


def _field() -> np.ndarray:
    """2400 x 1500 pixels of photographs at their own size, in tiles, turned at random."""
    rng = np.random.default_rng(_SEED)
    photos = [np.asarray(Image.open(path).convert("RGB")) for path in paths(HELD_OUT)]
    rows: list[np.ndarray] = []
    for _ in range(5):
        row: list[np.ndarray] = []
        for _ in range(8):
            photo = photos[int(rng.integers(len(photos)))]
            top = int(rng.integers(photo.shape[0] - _TILE + 1))
            left = int(rng.integers(photo.shape[1] - _TILE + 1))
            tile = photo[top : top + _TILE, left : left + _TILE]
            row.append(tile[:, ::-1] if rng.random() < 0.5 else tile)
        rows.append(np.hstack(row))
    return np.vstack(rows)
