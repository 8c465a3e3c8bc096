"""What `analyze` says of clips whose faults are known because they were drawn in."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from enhance.analysis import Analysis, AnalysisError, analyze
from tests.gpu import clips

ROOT = Path(__file__).resolve().parents[3]
SCENE = clips.natural(128, 256)


def panned(frames: int) -> list[np.ndarray]:
    return [SCENE[20:84, 2 * n : 2 * n + 96].astype(np.uint8) for n in range(frames)]


def codes(found: Analysis) -> set[str]:
    return {verdict.code for verdict in found.verdicts}


def test_a_good_clip_is_measured_and_nothing_is_said_against_it() -> None:
    found = analyze(clips.plain(25))
    assert (found.video.width, found.video.height, found.video.codec) == (96, 64, "h264")
    assert (found.timing.frames, found.timing.interval_s) == (25, 0.04)
    assert found.timing.duration_s == pytest.approx(1.0)
    assert not found.timing.variable
    assert [stream.kind for stream in found.container.streams] == ["video", "audio"]
    assert not any(verdict.level == "fail" for verdict in found.verdicts)
    assert found.sound is not None
    # a sine of amplitude 1/8 in one channel: EBU Tech 3341 puts it 3 dB under its peak of -18
    assert found.sound.integrated_lufs == pytest.approx(-21.8, abs=0.5)
    assert found.sound.true_peak_dbtp is not None
    assert -18.5 < found.sound.true_peak_dbtp < -15  # AAC overshoots where the tone sets in


def test_black_and_frozen_stretches_are_found_with_their_times(tmp_path: Path) -> None:
    black = np.full((64, 96), 16, np.uint8)
    pictures = panned(10) + [black] * 15 + panned(10) + [panned(11)[10]] * 40
    found = analyze(clips.write_pictures(tmp_path / "holes.mkv", pictures))
    assert found.pictures.black.count == 1
    span = found.pictures.black.spans[0]
    assert (span.start_s, span.end_s) == (pytest.approx(0.4), pytest.approx(1.0, abs=0.002))
    assert found.pictures.frozen.count == 1
    assert found.pictures.frozen.total_s == pytest.approx(1.6, abs=0.005)
    assert found.pictures.duplicates == 14 + 39
    assert {"partly_black", "frozen"} <= codes(found)


def test_a_slow_pan_is_no_repetition(tmp_path: Path) -> None:
    # a quarter of a sample per frame
    wide = np.repeat(SCENE, 4, axis=1)
    pictures = [wide[20:84, n : n + 384 : 4].astype(np.uint8) for n in range(30)]
    found = analyze(clips.write_pictures(tmp_path / "slow.mkv", pictures, options={"crf": "12"}))
    assert found.pictures.frozen.count == 0


def test_gaps_and_a_varying_rate_are_told_apart(tmp_path: Path) -> None:
    times = [n + (60 if n >= 12 else 0) for n in range(24)]
    found = analyze(clips.write_pictures(tmp_path / "gap.mkv", panned(24), times=times))
    assert found.timing.gaps.count == 1
    gap = found.timing.gaps.spans[0]
    assert (gap.start_s, gap.end_s) == (pytest.approx(0.44), pytest.approx(2.88))
    assert "gaps" in codes(found)
    assert not found.timing.variable

    varying = list(np.cumsum([1 + n % 3 for n in range(24)]))
    found = analyze(clips.write_pictures(tmp_path / "vfr.mkv", panned(24), times=varying))
    assert found.timing.variable
    assert found.timing.gaps.count == 0


def test_silence_is_found_and_the_end_of_the_sound_is_compared() -> None:
    silent = clips.ffmpeg(
        "silent.mp4",
        *clips.test_picture(frames=50),
        *("-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "1"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )
    found = analyze(silent)
    assert found.sound is not None
    assert found.sound.integrated_lufs is None
    assert found.sound.silent.total_s == pytest.approx(1.0, abs=0.05)
    assert "silent" in codes(found)

    partly = clips.ffmpeg(
        "tone-then-nothing.mp4",
        *clips.test_picture(frames=50),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=48000"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )
    assert codes(analyze(partly)) >= {"sound_short"}


def test_flicker_is_light_that_swings_and_not_motion(tmp_path: Path) -> None:
    steady = panned(24)
    swinging = [np.clip(p + (6.0 if n % 2 else 0.0), 0, 255) for n, p in enumerate(steady)]
    calm = analyze(clips.write_pictures(tmp_path / "calm.mkv", steady))
    fine = {"crf": "10"}
    nervous = analyze(clips.write_pictures(tmp_path / "nervous.mkv", swinging, options=fine))
    assert calm.pictures.flicker < 1.0
    assert nervous.pictures.flicker == pytest.approx(6.0, abs=0.5)
    assert "flicker" in codes(nervous)
    assert "flicker" not in codes(calm)


def test_blockiness_and_sharpness_order_clips_as_an_eye_does(tmp_path: Path) -> None:
    clean = clips.write_pictures(tmp_path / "clean.mkv", panned(8), options={"crf": "4"})
    arguments = ("-i", str(clean), "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "31")
    blocky = analyze(clips.ffmpeg("blocky.avi", *arguments))
    soft = analyze(clips.ffmpeg("soft.mkv", "-i", str(clean), "-vf", "boxblur=5:2"))
    good = analyze(clean)
    assert good.pictures.blockiness == pytest.approx(1.0, abs=0.2)
    assert blocky.pictures.blockiness > 1.5
    assert "blocky" in codes(blocky)
    assert soft.pictures.sharpness < good.pictures.sharpness / 10
    assert "soft" in codes(soft)


def test_ten_bits_and_eight_bits_measure_alike() -> None:
    eight = clips.plain(12)
    ten = clips.ffmpeg(
        "plain-ten.mkv", "-i", str(eight), *("-an", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
    )
    assert analyze(ten).pictures.brightness == pytest.approx(
        analyze(eight).pictures.brightness, abs=0.2
    )


def test_short_is_what_misses_the_expected_length() -> None:
    assert "short" in codes(analyze(clips.plain(25), expected_s=2.0))
    assert "short" not in codes(analyze(clips.plain(25), expected_s=1.05))


def test_a_file_that_was_cut_off_is_said_to_be() -> None:
    whole = clips.ffmpeg(
        "two-seconds.mp4",
        *clips.test_picture(frames=50),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-movflags", "+faststart"),
    )
    cut = clips.folder() / "two-seconds-cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert "truncated" in codes(analyze(cut))
    assert "truncated" not in codes(analyze(whole))


def test_a_tiny_file_that_claims_a_huge_picture_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(AnalysisError) as raised:
        analyze(path)
    assert raised.value.code in ("too_large", "no_pictures")


def test_a_reference_of_the_same_pictures_scores_the_most() -> None:
    source = clips.ffmpeg(
        "source-320.mkv",
        *clips.test_picture(frames=6, size="320x180"),
        *("-c:v", "ffv1", "-pix_fmt", "yuv420p"),
    )
    coded = clips.ffmpeg("coded-320.mp4", "-i", str(source), "-c:v", "libx264", "-crf", "40")
    same, worse = analyze(source, source).reference, analyze(coded, source).reference
    assert same is not None
    assert worse is not None
    assert same.frames == worse.frames == 6
    assert same.vmaf > 95 > worse.vmaf
    assert same.ssim == pytest.approx(1.0)
    assert worse.psnr_y < 40
    assert worse.vmaf_neg <= worse.vmaf + 0.5


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (lambda: clips.plain(24), "count_mismatch"),
        (
            lambda: clips.ffmpeg(
                "wide.mp4", *clips.test_picture(frames=12, size="128x64"), "-c:v", "libx264"
            ),
            "size_mismatch",
        ),
    ],
)
def test_files_that_do_not_pair_are_refused(other: Callable[[], Path], code: str) -> None:
    with pytest.raises(AnalysisError) as raised:
        analyze(clips.plain(12), other())
    assert raised.value.code == code


@pytest.mark.parametrize(
    "content", [b"", b"not a video", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hosts"]
)
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.m3u8"
    path.write_bytes(content)
    with pytest.raises(AnalysisError) as raised:
        analyze(path)
    assert raised.value.code == "unreadable"


def test_a_file_without_pictures_is_refused_by_name() -> None:
    with pytest.raises(AnalysisError) as raised:
        analyze(clips.ffmpeg("tone.m4a", *clips.tone(0.3), "-c:a", "aac"))
    assert raised.value.code == "no_video"


def test_an_open_file_is_measured_as_its_path_is() -> None:
    path = clips.plain(12)
    with path.open("rb") as file:
        assert analyze(file).timing == analyze(path).timing


def test_the_package_alone_needs_numpy_av_and_pydantic_only(tmp_path: Path) -> None:
    """A function carries `enhance/__init__.py` and `enhance/analysis` and nothing else."""
    package = tmp_path / "enhance"
    package.mkdir()
    (package / "__init__.py").write_bytes((ROOT / "gpu_container/enhance/__init__.py").read_bytes())
    (package / "analysis").symlink_to(ROOT / "gpu_container/enhance/analysis")
    program = (
        "import json, sys\n"
        "from enhance.analysis import analyze\n"
        f"found = analyze({str(clips.plain(12))!r})\n"
        "heavy = {'cv2', 'openvino', 'onnx', 'onnxruntime', 'torch', 'boto3', 'imageio_ffmpeg'}\n"
        "print(json.dumps([found.timing.frames, sorted(heavy & set(sys.modules))]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [12, []]


def test_the_exact_fraction_of_a_frame_rate_is_kept() -> None:
    times = clips.times_of(clips.plain(12, "30000/1001"))
    assert times[1] - times[0] == Fraction(1001, 30000)
