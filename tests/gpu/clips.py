"""Small media files, drawn once per test process and shared by every suite of the enhancement.

`ffmpeg` runs the program of the imageio-ffmpeg wheel in a folder that goes when the process ends.
Every file is a pure function of its arguments: no clock, no randomness without a seed.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 96, 64
Picture = NDArray[np.uint8]


@cache
def folder() -> Path:
    """Return the folder of this process's clips."""
    path = Path(tempfile.mkdtemp(prefix="enhance-clips-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def ffmpeg(name: str, *arguments: str) -> Path:
    """Return the file `name` that ffmpeg makes of the arguments; made once."""
    path = folder() / name
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [
        program,
        "-nostdin",
        "-v",
        "error",
        "-y",
        "-threads",
        "1",
        *arguments,
        f"file:{path}",
    ]
    done = subprocess.run(command, cwd=folder(), capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name}: {done.stderr.decode(errors='replace')}")
    return path


def test_picture(
    *, frames: int = 12, rate: str = "25", size: str = f"{WIDTH}x{HEIGHT}"
) -> tuple[str, ...]:
    """Return ffmpeg's input arguments for a moving test picture of so many frames."""
    seconds = float(frames / Fraction(rate))
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds:.9f}")


test_picture.__test__ = False  # type: ignore[attr-defined]


def tone(seconds: float, *, hertz: int = 440) -> tuple[str, ...]:
    """Return ffmpeg's input arguments for a tone."""
    return ("-f", "lavfi", "-i", f"sine=frequency={hertz}:duration={seconds}:sample_rate=48000")


@cache
def plain(frames: int = 12, rate: str = "25") -> Path:
    """H.264 in MP4 with AAC: the clip that nothing is wrong with."""
    return ffmpeg(
        f"plain-{frames}-{rate.replace('/', '_')}.mp4",
        *test_picture(frames=frames, rate=rate),
        *tone(float(frames / Fraction(rate))),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )


def natural(height: int, width: int, *, seed: int = 7) -> NDArray[np.float32]:
    """Return a picture with the 1/f spectrum of natural scenes and some edges, 16 to 235."""
    rng = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    fall = 1 / np.maximum(np.hypot(down, across), 1 / max(height, width))
    phase = np.exp(2j * np.pi * rng.random((height, width)))
    waves = np.real(np.fft.ifft2(fall * phase))
    picture = (waves - waves.mean()) / waves.std() * 32 + 120
    for _ in range(12):
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        h, w = int(rng.integers(4, height // 3)), int(rng.integers(4, width // 3))
        picture[y : y + h, x : x + w] += rng.uniform(-60, 60)
    return np.clip(picture, 16, 235).astype(np.float32)


def write_pictures(
    path: Path,
    pictures: Iterable[Sequence[NDArray[Any]] | NDArray[Any]],
    *,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures (luma, or all planes; 8 bits) at the times given, one apart by default."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25, options=options or {"preset": "ultrafast"})
        stream.pix_fmt, stream.time_base = pixels, time_base
        stream.codec_context.time_base = time_base
        for number, given in enumerate(pictures):
            planes = given if isinstance(given, list | tuple) else (given,)
            if not stream.codec_context.is_open:
                stream.height, stream.width = planes[0].shape
            frame = _frame(planes, pixels)
            frame.pts = number if times is None else times[number]
            frame.time_base = time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _frame(planes: Sequence[NDArray[Any]], pixels: str) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixels)
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        rows = rows[: plane.height, : plane.width]
        rows[:] = planes[number] if number < len(planes) else 128
    return frame


def luma_of(path: Path) -> list[Picture]:
    """Return the luma of every picture of the first video stream, 8 bits."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def times_of(path: Path) -> list[Fraction]:
    """Return when the pictures of the first video stream are shown, in seconds, sorted."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base or Fraction(1)
        return sorted(p.pts * base for p in container.demux(stream) if p.pts is not None and p.size)


def ssim(a: NDArray[Any], b: NDArray[Any], *, peak: float = 255.0) -> float:
    """Return the mean structural similarity of two pictures (8 x 8 windows, Wang et al. 2004)."""
    assert a.shape == b.shape, f"{a.shape} is not {b.shape}"
    side = min(8, *a.shape)
    first = np.lib.stride_tricks.sliding_window_view(a.astype(np.float64), (side, side))[::4, ::4]
    second = np.lib.stride_tricks.sliding_window_view(b.astype(np.float64), (side, side))[::4, ::4]
    over = (-2, -1)
    mean_a, mean_b = first.mean(over), second.mean(over)
    var_a, var_b = first.var(over), second.var(over)
    covariance = (first * second).mean(over) - mean_a * mean_b
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    score = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((score / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def psnr(a: NDArray[Any], b: NDArray[Any], *, peak: float = 255.0) -> float:
    """Return the peak signal-to-noise ratio in decibels; infinite for equal pictures."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))
