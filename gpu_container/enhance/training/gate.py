"""The gate that a net passes before it ships: measured against what anybody has, bicubic.

Held-out photographs and clips only. The figures go into the header of the weights file, and
`tests/gpu/training/test_gate.py` measures the shipped files again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from enhance.analysis.reference import compare
from enhance.engines import open_compute
from enhance.frames import StreamFacts
from enhance.nets.load import load_net
from enhance.nets.planes import plane_graph
from enhance.training.clips import cartoon, halved, pan, video_range
from enhance.training.coding import coded, write
from enhance.training.pairs import shrunk
from enhance.training.photos import Luma

Enlarge = Callable[[Luma], Luma]
"""A net at work: one luma plane in, the result out (at 1x: of the same size)."""
Figures = dict[str, float]

GOALS: Mapping[str, Mapping[str, float]] = {
    "clean": {"stills_db": 1.3, "pan_neg_crf12": 6.0, "pan_neg_crf23": 6.0},
    "codec": {"stills_db": 1.0, "pan_neg_crf12": 6.0, "pan_neg_crf23": 6.0},
    "deblock": {"pan_db_crf30": 0.2, "drawn_db_crf30": 0.2},
}
"""The least that a variant gains: dB of PSNR on stills, points of VMAF-NEG on coded clips."""
CRFS = {2: (12, 23), 1: (23, 30)}
"""x264's quality of the clips, by scale."""


@dataclass(frozen=True)
class Missed:
    """A goal that the figures do not reach."""

    name: str
    got: float
    goal: float

    def __str__(self) -> str:
        return f"{self.name} gains {self.got:.2f}, {self.goal:.2f} is asked"


def at_work(file: Path) -> Enlarge:
    """The net of a weights file, run as a stage runs it, on the CPU.

    Raises:
        BadInputError: no net is known with such weights.
    """
    grey = StreamFacts(0, 0, "gray", 8, 0, 0, Fraction(1, 25), Fraction(25))  # of any size
    runner = open_compute("cpu", "auto").load(plane_graph(load_net(file), grey))

    def enlarge(luma: Luma) -> Luma:
        plane = runner.start((np.array(luma, order="C"),)).result()[0]
        return np.asarray(plane, np.uint8)

    return enlarge


def missed(variant: str, figures: Mapping[str, float]) -> list[Missed]:
    """The goals of a variant that these figures do not reach; a figure that lacks is missed."""
    return [
        Missed(name, got, goal)
        for name, goal in GOALS[variant].items()
        if (got := figures.get(name, float("-inf"))) < goal
    ]


def measure(enlarge: Enlarge, scale: int, photos: Sequence[Luma], frames: int = 16) -> Figures:
    """What a net gains over bicubic (at 1x: over leaving the picture as it is).

    Args:
        enlarge: The net.
        scale: 2 or 1.
        photos: Held out ones, full range.
        frames: Of each scene of the clips.
    """
    figures: Figures = {}
    if photos:
        figures["stills_db"] = _stills(enlarge, scale, photos)
    for name, clip in (("pan", pan(photos, frames)), ("drawn", cartoon(2 * frames))):
        if not clip:
            continue
        small = [halved(frame) for frame in clip] if scale == 2 else clip
        for crf in CRFS[scale]:
            seen = coded(small, "libx264", {"crf": str(crf), "preset": "medium"})
            before = [plain(frame, scale) for frame in seen]
            after = [enlarge(frame) for frame in seen]
            key = f"crf{crf}"
            figures[f"{name}_db_{key}"] = psnr(after, clip) - psnr(before, clip)
            figures[f"{name}_neg_{key}"] = vmaf_neg(after, clip) - vmaf_neg(before, clip)
            figures[f"{name}_flicker_{key}"] = flicker(after, clip) - flicker(before, clip)
    return {name: round(value, 3) for name, value in figures.items()}


def plain(luma: Luma, scale: int) -> Luma:
    """Bicubic, as the nets' own base: a = -0.75, half-pixel centres, edges clamped."""
    if scale == 1:
        return luma
    large = cv2.resize(
        luma.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC
    )
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def vmaf_neg(frames: Sequence[Luma], reference: Sequence[Luma]) -> float:
    """Mean VMAF-NEG, 0 to 100: what mere sharpening gains is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "result.mkv"), Path(folder, "reference.mkv")
        for path, clip in zip(paths, (frames, reference), strict=True):
            write(path, clip, "libx264", {"qp": "0", "preset": "ultrafast"})
        return compare(*paths).vmaf_neg


def psnr(frames: Iterable[Luma], reference: Iterable[Luma]) -> float:
    """Of all the frames together, in dB."""
    pairs = zip(frames, reference, strict=True)
    error = np.mean([np.mean((a.astype(np.float32) - b) ** 2) for a, b in pairs])
    return float(10 * np.log10(255**2 / max(float(error), 1e-9)))


def flicker(frames: Sequence[Luma], reference: Sequence[Luma]) -> float:
    """How wrong the change from frame to frame is: mean error of the differences, 8-bit steps."""

    def changes(clip: Sequence[Luma]) -> np.ndarray:
        return np.diff(np.stack(clip).astype(np.int16), axis=0)

    return float(np.abs(changes(frames) - changes(reference)).mean())


def _stills(enlarge: Enlarge, scale: int, photos: Sequence[Luma]) -> float:
    """Mean gain on uncoded stills, in dB; at 1x: PSNR to the picture, which must stay as it is."""
    gains: list[float] = []
    for photo in photos:
        height, width = (edge // 2 * 2 for edge in photo.shape)
        large = video_range(photo[:height, :width])
        small = shrunk(large, scale, Image.Resampling.BICUBIC)
        before = psnr([plain(small, scale)], [large]) if scale == 2 else 0.0
        gains.append(psnr([enlarge(small)], [large]) - before)
    return float(np.mean(gains))
