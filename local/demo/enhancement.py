"""The demo's third job: a small video is uploaded and made larger, by the twin's own worker."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx
from PIL import Image, ImageDraw, ImageFont

from local.demo.errors import DemoError
from local.simulators.clips import ClipSpec, draw_clip
from local.twin.api import Api

NAME = "rosette"
_SIZE, _FRAMES = (320, 180), 36
_SCALE = 2
_SHOWN = 20
"""The frame that is put side by side."""


@dataclass(frozen=True)
class Small:
    """The video as it was uploaded."""

    video: bytes
    asset_id: str

    def body(self) -> dict[str, Any]:
        """Return the request that creates the job."""
        return {
            "kind": "enhance",
            "video": {"asset_id": self.asset_id},
            "enhance": {"stages": [{"name": "sr", "scale": _SCALE}]},
            "metadata": {"shot": NAME},
        }


def upload(api: Api) -> Small:
    """Draw a small video with fine lines, and upload it.

    Raises:
        DemoError: the upload was refused.
    """
    width, height = _SIZE
    spec = ClipSpec(
        width, height, _FRAMES, audio=True, prompt="Fine lines", title="upload", image=_picture()
    )
    video = draw_clip(spec)
    wanted = {"content_type": "video/mp4", "size_bytes": len(video)}
    form = api.http.post("/v1/uploads", json=wanted).raise_for_status().json()
    files = {"file": ("small.mp4", video, "video/mp4")}
    sent = httpx.post(form["url"], data=form["fields"], files=files, trust_env=False)
    if not sent.is_success:
        raise DemoError(f"The upload was refused: {sent.status_code}.")
    return Small(video, form["asset_id"])


def show(api: Api, small: Small, job: dict[str, Any], out: Path) -> list[str]:
    """Download what it became, put a frame before and after side by side; return lines to print.

    Raises:
        DemoError: it is not the same video at twice the size.
    """
    enhanced = api.download(job["outputs"][0]["asset_id"])
    before, after = _frames(small.video), _frames(enhanced)
    if len(after) != len(before) or after[0].size != tuple(_SCALE * side for side in _SIZE):
        raise DemoError("The enhanced video has not the same frames at twice the size.")
    if _sound(enhanced) != _sound(small.video):
        raise DemoError("The enhanced video does not sound the same.")
    (out / f"{NAME}.mp4").write_bytes(enhanced)
    _side_by_side(before[_SHOWN], after[_SHOWN]).save(out / f"{NAME}-before-after.png")
    (only,) = job["enhancement"]["tries"]
    charge = only["charge"]
    wide, high = after[0].size
    return [
        f"{out.name}/{NAME}.mp4  {_SIZE[0]} × {_SIZE[1]} → {wide} × {high},"  # noqa: RUF001
        f" {len(after)} frames, same sound   before and after: {out.name}/{NAME}-before-after.png",
        f"receipt: {charge['seconds']:.1f} s of {charge['device']} time ({charge['basis']}) at"
        f" ${charge['usd_per_hour']}/h, ${charge['amount_usd']}; the worker is your own machine",
    ]


def _picture() -> bytes:
    """Return a picture of curves and small print: what a plain enlargement blurs."""
    wide, high = 1280, 720
    picture = Image.new("RGB", (wide, high), "#f4ecd8")
    draw = ImageDraw.Draw(picture)
    for turn in range(24):
        points = [
            _on_rosette(step / 400 * 2 * math.pi, turn / 24 * 2 * math.pi) for step in range(401)
        ]
        draw.line(points, fill=("#8c2f39", "#1f4e5f", "#3a5a40")[turn % 3], width=5)
    for row, size in enumerate((64, 48, 36, 28)):
        words = "sphinx of black quartz, judge my vow " * 2
        font = ImageFont.load_default(size=size)
        draw.text((24, high - 300 + row * 70), words, font=font, fill="#222222")
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    return packed.getvalue()


def _on_rosette(angle: float, turn: float) -> tuple[float, float]:
    reach = 130 + 110 * math.cos(5 * angle)
    return 900 + 1.6 * reach * math.cos(angle + turn), 210 + 0.9 * reach * math.sin(angle + turn)


def _frames(video: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(video), "r") as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def _sound(video: bytes) -> list[bytes]:
    with av.open(io.BytesIO(video), "r") as container:
        return [bytes(packet) for packet in container.demux(audio=0)]


def _side_by_side(before: Image.Image, after: Image.Image) -> Image.Image:
    """Put the enlarged source to the left of the result: bicubic, as players enlarge."""
    wide, high = after.size
    both = Image.new("RGB", (2 * wide, high))
    both.paste(before.resize(after.size, Image.Resampling.BICUBIC), (0, 0))
    both.paste(after, (wide, 0))
    return both
