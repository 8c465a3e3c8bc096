"""Small videos to enhance, and what can be read of them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import av
import httpx
import numpy as np

from tests.e2e.crew import Crew

FPS = 24
_RATE_HZ = 48_000


def clip(width: int = 160, height: int = 90, frames: int = 48) -> bytes:
    """Return an MP4 with a moving pattern and a tone."""
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as container:
        video: Any = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"preset": "veryfast", "crf": "20"}
        audio: Any = container.add_stream("aac", rate=_RATE_HZ)
        y, x = np.mgrid[0:height, 0:width]
        for i in range(frames):
            planes = (x * 2 + i * 3, y * 3 + i, x + y + i * 2)
            picture = np.stack([plane % 256 for plane in planes], -1).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode())
        at = np.arange(_RATE_HZ * frames // FPS)
        tone = (0.2 * np.sin(at * 2 * np.pi * 440 / _RATE_HZ)).astype(np.float32)
        sound = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
        sound.rate, sound.pts = _RATE_HZ, 0
        container.mux(audio.encode(sound))
        container.mux(audio.encode())
    return made.getvalue()


@dataclass(frozen=True)
class Seen:
    """What is in a video."""

    size: tuple[int, int]
    frames: int
    audio_sha256: str
    """Of all packets of its sound."""


def look(video: bytes) -> Seen:
    """Decode the pictures and hash the sound's packets."""
    with av.open(io.BytesIO(video)) as container:
        stream = container.streams.video[0]
        frames = sum(1 for _ in container.decode(stream))
        size = (stream.width, stream.height)
    digest = hashlib.sha256()
    with av.open(io.BytesIO(video)) as container:
        for packet in container.demux([s for s in container.streams if s.type == "audio"]):
            digest.update(bytes(packet))
    return Seen(size, frames, digest.hexdigest())


def upload(crew: Crew, video: bytes) -> str:
    """Upload a video through the presigned form, and return its asset id."""
    body = {"content_type": "video/mp4", "size_bytes": len(video)}
    form = crew.api.http.post("/v1/uploads", json=body).raise_for_status().json()
    files = {"file": ("clip.mp4", video, "video/mp4")}
    sent = httpx.post(form["url"], data=form["fields"], files=files, trust_env=False)
    assert sent.is_success, sent.text
    return str(form["asset_id"])
