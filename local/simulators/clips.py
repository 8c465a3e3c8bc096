"""Draws the results: real MP4 files, H.264 with AAC where there is sound, of what was asked for.

A clip shows its prompt, scene and attempt, a running timecode and a moving block; with sound it
plays a steady tone whose pitch follows the scene. Text is laid out once per clip and the timecode
is pasted from ready digits, so that five seconds of 720p cost half a second of one core.
"""

from __future__ import annotations

import hashlib
import io
import queue
import tempfile
import textwrap
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

FPS = 24
_SAMPLE_RATE_HZ = 48_000
_CACHE_BYTES = 256 * 1024 * 1024
_SHORT_SIDE = {"360p": 360, "480p": 480, "720p": 720, "1080p": 1080, "4k": 2160}

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class ClipSpec:
    """Everything a clip depends on: equal specs are equal bytes."""

    width: int
    height: int
    frames: int
    audio: bool
    prompt: str
    title: str
    """The vendor's model."""
    scene: int = 1
    attempt: int = 1
    sample: int = 0
    watermark: bool = False
    image: bytes = b""
    """Shown behind the text, where a first frame was given."""


def frame_size(resolution: str, aspect_ratio: str) -> tuple[int, int]:
    """Return width and height, both even, of a resolution word and a `w:h` ratio."""
    wide, high = (float(part) for part in aspect_ratio.split(":"))
    short = _SHORT_SIDE[resolution]
    if wide >= high:
        return _even(short * wide / high), short
    return short, _even(short * high / wide)


def image_ratio(image: bytes) -> str | None:
    """Return the `w:h` ratio of an image, or None where the bytes are not one."""
    size = image_size(image)
    return f"{size[0]}:{size[1]}" if size else None


def image_size(image: bytes) -> tuple[int, int] | None:
    """Return width and height of an image, or None where the bytes are not one."""
    try:
        with Image.open(io.BytesIO(image)) as opened:
            return opened.size
    except (UnidentifiedImageError, OSError, ValueError):
        return None


class DrawingStoppedError(ConnectionAbortedError):
    """The studio closed before the clip was finished; whoever waits for it gets no answer."""


class ClipStudio:
    """Draws clips and keeps the latest. Safe between threads; equal specs are drawn once."""

    def __init__(self, scale: float = 1.0) -> None:
        """Draw at `scale` times the size that was asked for (tests use small clips)."""
        self._scale = scale
        self._clips: OrderedDict[ClipSpec, bytes] = OrderedDict()
        self._drawing: set[ClipSpec] = set()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._ahead: queue.SimpleQueue[ClipSpec | None] = queue.SimpleQueue()
        self._worker = threading.Thread(target=self._draw_ahead, daemon=True)

    def size(self, resolution: str, aspect_ratio: str) -> tuple[int, int]:
        """Return width and height of the clips of this resolution and ratio."""
        width, height = frame_size(resolution, aspect_ratio)
        return _even(width * self._scale), _even(height * self._scale)

    def clip(self, spec: ClipSpec) -> bytes:
        """Return the MP4 of a spec, or raise DrawingStoppedError."""
        with self._changed:
            self._changed.wait_for(lambda: spec not in self._drawing)
            if spec in self._clips:
                self._clips.move_to_end(spec)
                return self._clips[spec]
            self._drawing.add(spec)
        try:
            content = draw_clip(spec, self._closed)
            with self._changed:
                self._keep(spec, content)
            return content
        finally:
            with self._changed:
                self._drawing.discard(spec)
                self._changed.notify_all()

    def prepare(self, specs: list[ClipSpec]) -> None:
        """Draw clips ahead of time, one after the other, in a thread of the studio's own."""
        with self._changed:
            if self._worker.ident is None:
                self._worker.start()
        for spec in specs:
            self._ahead.put(spec)

    def close(self) -> None:
        """Stop drawing, and wait until nothing is being drawn: half a clip leaves files behind."""
        self._closed.set()
        self._ahead.put(None)
        with self._changed:
            self._changed.wait_for(lambda: not self._drawing, timeout=5)

    def _draw_ahead(self) -> None:
        while (spec := self._ahead.get()) is not None and not self._closed.is_set():
            with suppress(DrawingStoppedError):
                self.clip(spec)

    def _keep(self, spec: ClipSpec, content: bytes) -> None:
        self._clips[spec] = content
        while sum(map(len, self._clips.values())) > _CACHE_BYTES and len(self._clips) > 1:
            self._clips.popitem(last=False)


def draw_clip(spec: ClipSpec, stop: threading.Event | None = None) -> bytes:
    """Return a playable MP4 of exactly the size, length and tracks of the spec.

    Its index comes first, so that players can begin before the end has arrived.

    Raises:
        DrawingStoppedError: `stop` was set before the clip was finished.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            video = _video_stream(container, spec)
            audio = _audio_stream(container) if spec.audio else None
            _encode_video(container, video, spec, stop or threading.Event())
            if audio is not None:
                _encode_tone(container, audio, spec)
        return path.read_bytes()


def _video_stream(container: Any, spec: ClipSpec) -> Any:
    stream = container.add_stream("libx264", rate=FPS)
    stream.width, stream.height = spec.width, spec.height
    stream.pix_fmt = "yuv420p"
    stream.time_base = Fraction(1, FPS)
    stream.codec_context.gop_size = FPS
    stream.codec_context.thread_count = 1
    stream.options = {"preset": "ultrafast", "crf": "30", "tune": "zerolatency"}
    return stream


def _audio_stream(container: Any) -> Any:
    stream = container.add_stream("aac", rate=_SAMPLE_RATE_HZ)
    stream.layout = "stereo"
    stream.bit_rate = 64_000
    return stream


def _encode_video(container: Any, stream: Any, spec: ClipSpec, stop: threading.Event) -> None:
    painter = _Painter(spec)
    for number in range(spec.frames):
        if stop.is_set():
            raise DrawingStoppedError
        frame = av.VideoFrame.from_ndarray(painter.paint(number), format="yuv420p")
        frame.pts = number
        frame.time_base = Fraction(1, FPS)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _encode_tone(container: Any, stream: Any, spec: ClipSpec) -> None:
    total = spec.frames * _SAMPLE_RATE_HZ // FPS
    pitch_hz = 220.0 * 2 ** ((spec.scene % 12) / 12)
    for start in range(0, total, 1024):
        at = np.arange(start, min(start + 1024, total)) / _SAMPLE_RATE_HZ
        tone = (0.1 * np.sin(2 * np.pi * pitch_hz * at)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
        frame.sample_rate = _SAMPLE_RATE_HZ
        frame.pts = start
        frame.time_base = Fraction(1, _SAMPLE_RATE_HZ)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


class _Painter:
    """Paints the frames of one clip as planar YUV 4:2:0."""

    def __init__(self, spec: ClipSpec) -> None:
        self._spec = spec
        self._unit = max(8, min(spec.width, spec.height) // 18)
        still = _still(spec, self._unit)
        self._still = av.VideoFrame.from_image(still).reformat(format="yuv420p").to_ndarray()
        self._digits = {mark: _glyph(mark, self._unit) for mark in "0123456789:"}

    def paint(self, number: int) -> Pixels:
        """Return frame `number`: the still, a block on its way across, and the timecode."""
        planes: Pixels = self._still.copy()
        luma = planes[: self._spec.height]
        bar = max(2, self._spec.width // 40)
        left = int((self._spec.width - bar) * ((number % (4 * FPS)) / (4 * FPS)))
        low = self._spec.height - self._unit
        high = low - self._unit // 2
        luma[high - 2 : low + 2, max(0, left - 2) : left + bar + 2] = 16  # seen on white, too
        luma[high:low, left : left + bar] = 235
        self._stamp(luma, number)
        return planes

    def _stamp(self, luma: Pixels, number: int) -> None:
        seconds, frame = divmod(number, FPS)
        left, top = self._unit, self._spec.height - 4 * self._unit
        for mark in f"{seconds // 60:02}:{seconds % 60:02}:{frame:02}":
            glyph = self._digits[mark]
            high, wide = glyph.shape
            if left + wide > self._spec.width or top < 0:
                return
            luma[top : top + high, left : left + wide] = glyph
            left += wide


def _still(spec: ClipSpec, unit: int) -> Image.Image:
    picture = _background(spec)
    draw = ImageDraw.Draw(picture)
    heading = f"Scene {spec.scene} · attempt {spec.attempt}" + (
        f" · sample {spec.sample + 1}" if spec.sample else ""
    )
    draw.text(
        (unit, unit), heading, font=_font(unit), fill="white", stroke_width=1, stroke_fill="black"
    )
    small = max(8, unit * 2 // 3)
    draw.text(
        (unit, 2.4 * unit),
        spec.title,
        font=_font(small),
        fill="#ffd166",
        stroke_width=1,
        stroke_fill="black",
    )
    lines = _wrapped(spec.prompt, max(8, int((spec.width - 2 * unit) / (0.6 * unit))))
    draw.multiline_text(
        (unit, 4 * unit), lines, font=_font(unit), fill="white", stroke_width=1, stroke_fill="black"
    )
    if spec.watermark:
        draw.text(
            (spec.width - unit, spec.height - unit),
            "watermark",
            font=_font(unit),
            fill="white",
            anchor="rs",
        )
    return picture


def _background(spec: ClipSpec) -> Image.Image:
    if spec.image:
        with Image.open(io.BytesIO(spec.image)) as image:
            return image.convert("RGB").resize((spec.width, spec.height))
    seed = hashlib.sha256(
        f"{spec.prompt}/{spec.scene}/{spec.attempt}/{spec.sample}".encode()
    ).digest()
    top, bottom = (
        np.array([40 + byte // 3 for byte in seed[at : at + 3]], dtype=np.float32) for at in (0, 3)
    )
    slope = np.linspace(0, 1, spec.height, dtype=np.float32)[:, None, None]
    rows = top * (1 - slope) + bottom * slope
    return Image.fromarray(np.broadcast_to(rows, (spec.height, spec.width, 3)).astype(np.uint8))


def _wrapped(text: str, width: int) -> str:
    lines = textwrap.wrap(text, width) or [""]
    return "\n".join(lines[:5] + (["…"] if len(lines) > 5 else []))


def _glyph(mark: str, unit: int) -> Pixels:
    picture = Image.new("L", (unit if mark != ":" else unit // 2, unit * 3 // 2), 24)
    ImageDraw.Draw(picture).text(
        (picture.width / 2, picture.height / 2),
        mark,
        font=_font(unit * 5 // 4),
        fill=235,
        anchor="mm",
    )
    return np.asarray(picture)


def _font(size: int) -> Any:
    return ImageFont.load_default(size=size)


def _even(value: float) -> int:
    return max(2, 2 * round(value / 2))
