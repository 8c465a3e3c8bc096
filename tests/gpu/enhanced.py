"""Runs `python -m enhance all` on a file, in this process, and compares what comes out."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from enhance.cli import main
from enhance.exits import ExitCode
from tests.gpu import clips

ENLARGE = [{"name": "sr", "scale": 2}, {"name": "convert", "preset": "ultrafast"}]
RECODE = [{"name": "convert", "preset": "ultrafast"}]


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    exit_code: int
    report: dict[str, Any]
    output: Path

    @property
    def told(self) -> str:
        """Everything that the report says in words."""
        return " | ".join([*self.report["notes"], *self.report["warnings"], self.report["message"]])


def enhanced(
    source: Path | str,
    folder: Path,
    *,
    stages: Sequence[dict[str, Any]] = ENLARGE,
    suffix: str | None = None,
    chunk_s: float | None = None,
) -> Ended:
    """Run the whole command on a source; the output lies in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"out{suffix or Path(source).suffix}"
    spec = {
        "task_id": "nasty",
        "source": {"uri": str(source)},
        "output": str(output),
        "work": str(folder / "work"),
        "stages": list(stages),
        "device": "cpu",
        "precision": "fp32",
        "chunk_s": chunk_s,
    }
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main(["all", "--spec", str(path)])
    report = json.loads((folder / "work" / "report.json").read_bytes())
    assert report["exit_code"] == code
    assert json.loads(said.getvalue().splitlines()[-1])["outcome"] == report["outcome"]
    written = (report["output"] or {}).get("uri")
    return Ended(code, report, Path(written) if written else output)


def refused(source: Path | str, folder: Path, code: str, **more: Any) -> Ended:
    """Run, and insist that the source is refused by this name and nothing is left behind."""
    ended = enhanced(source, folder, **more)
    assert (ended.exit_code, ended.report["code"]) == (ExitCode.BAD_INPUT, code), ended.report
    assert not ended.output.exists()
    assert len(ended.report["message"]) > 20
    return ended


def right(
    source: Path | str,
    folder: Path,
    *,
    least_ssim: float = 0.85,
    exit_code: ExitCode = ExitCode.OK,
    **more: Any,
) -> Ended:
    """Run, and insist that everything that can be compared with the source is as it was."""
    ended = enhanced(source, folder, **more)
    assert ended.exit_code == exit_code, ended.report
    here = Path(source)
    same_times(here, ended.output)
    same_tags(here, ended.output)
    assert sounds(ended.output) == sounds(here)
    same_pictures(here, ended.output, least_ssim)
    return ended


def same_times(source: Path, output: Path) -> None:
    """Every picture is shown when it was, beside its sound, to a tick of the coarser clock."""
    before, after = shown_times(source), shown_times(output)
    assert len(after) == len(before)
    tick = max(_tick(source), _tick(output))
    for was, now in zip(before, after, strict=True):
        assert abs((now - after[0]) - (was - before[0])) <= tick
    offsets = [_sound_offset(path) for path in (source, output)]
    if None not in offsets:
        assert abs(offsets[0] - offsets[1]) <= 2 * tick  # type: ignore[operator]


def shown_times(path: Path) -> list[Fraction]:
    """Return when decoding shows pictures, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base or Fraction(1)
        return [frame.pts * base for frame in container.decode(stream) if frame.pts is not None]


def _tick(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        return container.streams.video[0].time_base or Fraction(1)


def _sound_offset(path: Path) -> Fraction | None:
    """From the first picture to the first sound."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        sound = container.streams.audio[0]
        first = next(
            (p.pts * p.time_base for p in container.demux(sound) if p.pts is not None), None
        )
    return None if first is None else first - shown_times(path)[0]


def same_tags(source: Path, output: Path) -> None:
    """Colour, shape of samples and rotation are said as they were."""
    was, now = _tags(source), _tags(output)
    assert now == was


def _tags(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return {
            "colour": (
                int(frame.color_primaries),
                int(frame.color_trc),
                int(frame.colorspace),
                int(frame.color_range) == 2 or "yuvj" in frame.format.name,
            ),
            "sample_aspect": stream.sample_aspect_ratio or Fraction(1),
            "rotation": round(frame.rotation) % 360,
            "depth": frame.format.components[0].bits,
        }


def sounds(path: Path) -> list[str]:
    """Return one digest of the packets of each audio stream."""
    with av.open(str(path)) as container:
        digests = {stream.index: hashlib.sha256() for stream in container.streams.audio}
        for packet in container.demux(list(container.streams.audio)) if digests else ():
            digests[packet.stream.index].update(bytes(packet))
        return [digest.hexdigest() for digest in digests.values()]


def same_pictures(source: Path, output: Path, least_ssim: float) -> None:
    """Each picture looks like FFmpeg's bicubic enlargement of the one it comes from."""
    for number, (was, now) in enumerate(zip(_lumas(source), _lumas(output), strict=True)):
        assert np.isfinite(now).all()
        found = clips.ssim(_sized(was, *now.shape), now)
        assert found >= least_ssim, f"picture {number}: SSIM {found:.3f}"


def _lumas(path: Path) -> list[NDArray[Any]]:
    with av.open(str(path)) as container:
        return [_luma(frame) for frame in container.decode(video=0)]


def _luma(frame: av.VideoFrame) -> NDArray[Any]:
    """Luma as coded, scaled to eight bits: no conversion of range on the way."""
    if frame.format.is_rgb or "pal" in frame.format.name:
        frame = frame.reformat(format="yuv444p")
    bits = frame.format.components[0].bits
    dtype = np.uint8 if bits == 8 else np.uint16
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
    return rows[:, : plane.width].astype(np.float64) / (1 << (bits - 8))


def _sized(luma: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    if luma.shape == (height, width):
        return luma
    import cv2

    return np.clip(cv2.resize(luma, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)
