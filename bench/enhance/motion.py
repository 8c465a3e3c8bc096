"""Interpolation against ffmpeg's `minterpolate`: speed, and how near the made frames come."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from bench.enhance.contest import best_of, ffmpeg, say
from bench.enhance.goals import Goal
from bench.enhance.material import FRAMES, RATE, Material
from bench.enhance.peers import ours

_STAGES = [
    {"name": "interpolate", "factor": 2},
    {"name": "convert", "codec": "h264", "preset": "ultrafast", "quality": 0},
]
_FILTER = f"minterpolate=fps={2 * RATE}:mi_mode=mci"


def interpolation(material: Material, rounds: int) -> list[Goal]:
    """Double the rate of a clip whose other half is known.

    Both decode the same file and give as many frames to nobody: no encoder on either side.
    (ffmpeg decodes while it filters; our two times are added.)
    """
    mine, theirs = material.folder / "ours.mkv", material.folder / "minterpolate.mkv"

    def we() -> float:
        told = ours("stages", material.halved, mine.with_suffix(".mp4"), _STAGES)
        return told["frames"] / (told["decode_s"] + told["stages_s"])

    def they() -> float:
        return FRAMES / ffmpeg("-i", material.halved, "-vf", _FILTER, "-f", "null", "-")

    best = best_of({"ours": we, "minterpolate": they}, rounds)
    lossless = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0"]
    ffmpeg("-i", material.halved, "-vf", _FILTER, *lossless, theirs)
    truth = _luma(material.smooth, RATE)
    gains = [_psnr(_luma(path, 2 * RATE), truth) for path in (mine.with_suffix(".mp4"), theirs)]
    say(f"    PSNR of the made frames: {gains[0]:.2f} dB against {gains[1]:.2f} dB")
    return [
        Goal("interpolation over ffmpeg minterpolate", best["ours"] / best["minterpolate"], 4.0),
        Goal("its PSNR over ffmpeg minterpolate's", gains[0] - gains[1], 0.0, unit=" dB"),
    ]


def _luma(path: Path, rate: int) -> dict[int, np.ndarray]:
    """Luma by number of frame, which is its time: a filter may leave out the first or last."""
    pictures: dict[int, np.ndarray] = {}
    with av.open(path, "r") as container:
        for frame in container.decode(video=0):
            height = frame.height
            pictures[round((frame.time or 0) * rate)] = frame.to_ndarray()[:height]
    return pictures


def _psnr(made: dict[int, np.ndarray], truth: dict[int, np.ndarray]) -> float:
    """Mean over the frames between, in dB."""
    both = [i for i in truth if i % 2 and i in made]
    if len(both) < FRAMES // 3:
        raise RuntimeError(f"only {len(both)} of the made frames are there to be compared")
    errors = [np.mean((made[i].astype(np.float32) - truth[i]) ** 2) for i in both]
    return float(np.mean(10 * np.log10(255**2 / np.maximum(errors, 1e-3))))
