"""Small real video files, drawn for tests."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np


def a_clip(
    *,
    width: int = 320,
    height: int = 180,
    frames: int = 12,
    fps: int = 24,
    black: int = 0,
    audio: bool = False,
    codec: str = "libx264",
    container: str = "mp4",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> bytes:
    """Return a video: `black` black frames, then red on the left and blue on the right."""
    target = io.BytesIO()
    with av.open(target, "w", format=container, options=options or {}) as out:
        video: Any = out.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = width, height, pixels
        sound: Any = out.add_stream("aac", rate=48_000, layout="stereo") if audio else None
        picture = np.zeros((height, width, 3), dtype=np.uint8)
        picture[:, : width // 2, 0] = 220
        picture[:, width // 2 :, 2] = 220
        for number in range(frames):
            shown = np.zeros_like(picture) if number < black else picture
            out.mux(video.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        out.mux(video.encode(None))
        if sound is not None:
            _tone(out, sound, frames / fps)
    return target.getvalue()


def _tone(out: Any, stream: Any, seconds: float) -> None:
    samples = np.sin(np.arange(int(48_000 * seconds)) * 0.05).astype(np.float32) * 0.1
    for at in range(0, len(samples), 1024):
        piece = np.stack([samples[at : at + 1024]] * 2)
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def rotated(clip: bytes, quarter_turns: int) -> bytes:
    """Return the clip with its track header's display matrix turned clockwise."""
    one = 0x10000
    turns = {1: (0, one, -one, 0), 2: (-one, 0, 0, -one), 3: (0, -one, one, 0)}
    a, b, c, d = turns[quarter_turns]
    upright = b"".join(v.to_bytes(4, signed=True) for v in (one, 0, 0, 0, one, 0, 0, 0, 0x40000000))
    turned = b"".join(v.to_bytes(4, signed=True) for v in (a, b, 0, c, d, 0, 0, 0, 0x40000000))
    track = clip.index(b"tkhd")
    at = clip.index(upright, track)
    return clip[:at] + turned + clip[at + len(turned) :]
