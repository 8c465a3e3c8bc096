"""`python -m enhance analyze FILE [--reference REF] [--json]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from enhance.analysis.errors import AnalysisError
from enhance.analysis.measure import analyze
from enhance.analysis.results import Analysis
from enhance.errors import BadInputError, EnhanceError
from enhance.exits import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", type=Path, help="the video to measure")
    parser.add_argument(
        "--reference",
        type=Path,
        help="a video of as many pictures of the same size to compare with",
    )
    parser.add_argument("--expected-s", type=float, help="how long the video should be, in seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(args: argparse.Namespace) -> int:
    """Print the analysis; the exit status is 0 whatever the verdicts say.

    Raises:
        BadInputError: a file cannot be measured.
        EnhanceError: the comparison is not possible here (code `no_ffmpeg`).
    """
    try:
        found = analyze(args.file, args.reference, expected_s=args.expected_s)
    except AnalysisError as exc:
        kind = EnhanceError if exc.code == "no_ffmpeg" else BadInputError
        raise kind(exc.code, str(exc)) from exc
    text = found.model_dump_json() if args.json else "\n".join(_lines(found))
    sys.stdout.write(f"{text}\n")
    return ExitCode.OK


def _lines(found: Analysis) -> list[str]:
    video, timing, pictures = found.video, found.timing, found.pictures
    lines = [
        f"{video.codec} {video.width} x {video.height} {video.pixel_format}, "
        f"{timing.frames} pictures in {timing.duration_s:.2f} s"
        + (" (variable rate)" if timing.variable else ""),
        f"black {pictures.black.total_s:.2f} s, frozen {pictures.frozen.total_s:.2f} s, "
        f"{pictures.duplicates} duplicates, {timing.gaps.count} gaps",
        f"sharpness {pictures.sharpness:.1f}, blockiness {pictures.blockiness:.2f}, "
        f"flicker {pictures.flicker:.2f}",
    ]
    if found.sound is not None:
        loudness = found.sound.integrated_lufs
        said = "below the gate" if loudness is None else f"{loudness:.1f} LUFS"
        lines.append(f"{found.sound.codec} {found.sound.sample_rate_hz} Hz, {said}")
    if (scores := found.reference) is not None:
        lines.append(
            f"PSNR {scores.psnr_y:.2f} dB, SSIM {scores.ssim:.4f}, "
            f"VMAF {scores.vmaf:.2f}, VMAF-NEG {scores.vmaf_neg:.2f}"
        )
    lines += [f"{verdict.level}: {verdict.code}: {verdict.message}" for verdict in found.verdicts]
    return lines
