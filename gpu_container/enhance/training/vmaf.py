"""VMAF of luma sequences, by the ffmpeg that the `imageio-ffmpeg` wheel carries."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from enhance.training.photos import Luma

_MODEL = "vmaf_v0.6.1neg"
"""NEG: what mere sharpening gains is not counted."""


def vmaf_neg(result: Sequence[Luma], reference: Sequence[Luma]) -> float:
    """Mean VMAF-NEG of the result, 0 to 100; video range luma, frames of one even size.

    Raises:
        subprocess.CalledProcessError: ffmpeg could not do it; its words are in `stderr`.
    """
    height, width = reference[0].shape
    with tempfile.TemporaryDirectory() as folder:
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", "25"]
        inputs: list[str] = []
        for name, frames in (("result", result), ("reference", reference)):
            path = Path(folder, name)
            grey = bytes([128]) * (height * width // 2)
            path.write_bytes(b"".join(np.ascontiguousarray(f).tobytes() + grey for f in frames))
            inputs += [*raw, "-i", name]
        measure = f"libvmaf=model=version={_MODEL}:log_fmt=json:log_path=log.json:n_threads=2"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *inputs]
        subprocess.run(  # noqa: S603 (the wheel's ffmpeg, our own arguments)
            [*command, "-lavfi", measure, "-f", "null", "-"],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=600,
        )
        log = json.loads(Path(folder, "log.json").read_text())
    return float(log["pooled_metrics"]["vmaf"]["mean"])
