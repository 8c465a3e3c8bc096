"""PSNR, SSIM, VMAF and VMAF-NEG against a reference, by an ffmpeg that has libvmaf.

The `imageio-ffmpeg` wheel carries one. It runs as a process with fixed arguments in a folder of
its own; both files are opened by PyAV first, so it sees only demuxers that were allowed there.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final, cast

from av.error import FFmpegError

from enhance.analysis.containers import first_picture_stream, opened
from enhance.analysis.errors import AnalysisError
from enhance.analysis.results import ReferenceScores

_MODELS: Final = "version=vmaf_v0.6.1\\\\:name=vmaf|version=vmaf_v0.6.1neg\\\\:name=vmaf_neg"
_LOG: Final = "scores.json"
_TIMEOUT_S: Final = 6 * 3600


def ffmpeg_path() -> str:
    """Return the path of the ffmpeg that measures.

    Raises:
        AnalysisError: `imageio-ffmpeg` is not installed (`no_ffmpeg`).
    """
    try:
        import imageio_ffmpeg
    except ImportError as exc:
        raise AnalysisError(
            "no_ffmpeg", "A comparison needs the package imageio-ffmpeg: pip install it."
        ) from exc
    return imageio_ffmpeg.get_ffmpeg_exe()


def compare(source: Path, reference: Path, *, threads: int = 2) -> ReferenceScores:
    """Return how near `source` comes to `reference`, picture by picture in order of showing.

    Raises:
        AnalysisError: the files differ in size (`size_mismatch`) or number of pictures
            (`count_mismatch`), there is no ffmpeg, or it failed (`reference_failed`).
    """
    ffmpeg = ffmpeg_path()
    ours, theirs = _shape(source), _shape(reference)
    if ours[:2] != theirs[:2]:
        raise AnalysisError(
            "size_mismatch",
            f"The file is {ours[0]} x {ours[1]}, its reference {theirs[0]} x {theirs[1]}: "
            "only pictures of one size can be compared.",
        )
    pixels = "yuv420p10le" if max(ours[2], theirs[2]) > 8 else "yuv420p"
    with tempfile.TemporaryDirectory() as folder:
        command = [ffmpeg, *_arguments(source, reference, pixels, threads)]
        done = subprocess.run(  # noqa: S603 fixed arguments, no shell
            command, cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
        log = Path(folder) / _LOG
        if done.returncode != 0 or not log.exists():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise AnalysisError("reference_failed", f"ffmpeg could not compare: {''.join(last)}")
        scores = cast("dict[str, Any]", json.loads(log.read_text()))
    return _scores(scores, theirs[3])


def _shape(path: Path) -> tuple[int, int, int, int]:
    """Return width, height, depth and number of coded pictures."""
    try:
        with opened(path) as container:
            stream = first_picture_stream(container)
            codec = stream.codec_context
            depth = codec.format.components[0].bits if codec.format is not None else 8
            count = sum(1 for packet in container.demux(stream) if packet.size)
            return codec.width, codec.height, depth, count
    except FFmpegError as exc:
        raise AnalysisError("unreadable", f"{path.name} cannot be read: {exc.strerror}.") from exc


def _arguments(source: Path, reference: Path, pixels: str, threads: int) -> list[str]:
    # numbered times pair the pictures in order: two containers round the same time differently
    same = f"settb=AVTB,setpts=N*40000,format={pixels}"
    graph = (
        f"[0:v:0]{same}[a];[1:v:0]{same}[b];"
        f"[a][b]libvmaf=model={_MODELS}:feature=name=psnr|name=float_ssim"
        f":n_threads={threads}:shortest=1:log_fmt=json:log_path={_LOG}"
    )
    read = ["-noautorotate", "-protocol_whitelist", "file", "-i"]
    return [
        *("-nostdin", "-hide_banner", "-v", "error"),
        *(*read, f"file:{source.resolve()}"),
        *(*read, f"file:{reference.resolve()}"),
        *("-lavfi", graph, "-fps_mode", "passthrough", "-f", "null", "-"),
    ]


def _scores(log: dict[str, Any], expected: int) -> ReferenceScores:
    frames = len(log["frames"])
    if frames != expected:
        raise AnalysisError(
            "count_mismatch",
            f"{frames} pictures could be paired, the reference has {expected}: "
            "only files of as many pictures can be compared.",
        )
    pooled = cast("dict[str, dict[str, float]]", log["pooled_metrics"])

    def mean(name: str) -> float:
        return round(pooled[name]["mean"], 4)

    chroma = "psnr_cb" in pooled
    return ReferenceScores(
        frames=frames,
        psnr_y=mean("psnr_y"),
        psnr_cb=mean("psnr_cb") if chroma else None,
        psnr_cr=mean("psnr_cr") if chroma else None,
        psnr_y_min=round(pooled["psnr_y"]["min"], 4),
        ssim=mean("float_ssim"),
        vmaf=mean("vmaf"),
        vmaf_neg=mean("vmaf_neg"),
        vmaf_min=round(pooled["vmaf"]["min"], 4),
    )
