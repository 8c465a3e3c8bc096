"""Damaged and hostile files: partial, or refused by name; never whole, and no traceback."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import zlib
from itertools import pairwise
from pathlib import Path

import pytest

from enhance.exits import ExitCode
from tests.gpu import clips
from tests.gpu import nasty_clips as nasty
from tests.gpu.enhanced import RECODE, enhanced, refused, shown_times


def test_a_download_that_broke_off_is_partial_with_what_there_is(tmp_path: Path) -> None:
    ended = enhanced(nasty.cut_short(), tmp_path)
    assert ended.exit_code == ExitCode.PARTIAL_INPUT, ended.report
    found = len(shown_times(ended.output))
    assert 5 <= found < 25
    assert ended.report["output"]["frames"] == found
    assert ended.report["warnings"]


def test_a_recording_without_its_index_is_refused_with_the_cure(tmp_path: Path) -> None:
    ended = refused(nasty.without_index(), tmp_path, "unreadable")
    assert "index" in ended.report["message"]


def test_flipped_bytes_are_partial_and_the_times_still_grow(tmp_path: Path) -> None:
    ended = enhanced(nasty.flipped_bytes(), tmp_path, stages=RECODE)
    assert ended.exit_code == ExitCode.PARTIAL_INPUT, ended.report
    times = shown_times(ended.output)
    assert 10 < len(times) <= 40
    assert all(b > a for a, b in pairwise(times))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 5000,
        b"not a video\n" * 100,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
    ],
    ids=["empty", "zeros", "text", "playlist", "concat"],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(content)
    refused(source, tmp_path / "run", "unreadable")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    source = clips.ffmpeg("tone-alone.m4a", *clips.tone(0.3), "-c:a", "aac")
    refused(source, tmp_path, "no_video", suffix=".mp4")


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(4096), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


_BOMBS = """
import json, sys
from pathlib import Path
from tests.gpu.enhanced import enhanced
for path in sys.argv[2:]:
    ended = enhanced(path, Path(sys.argv[1]) / Path(path).stem, suffix=".mp4")
    print(json.dumps([ended.exit_code, ended.report["code"]]), flush=True)
# Not ru_maxrss: a new program inherits the peak of the one that started it.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def test_huge_pictures_in_tiny_files_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    files: list[str] = []
    for width, height in ((60000, 60000), (16000, 16000), (200000, 8)):
        path = tmp_path / f"{width}.png"
        path.write_bytes(_png(width, height))
        files.append(str(path))
    done = _process(_BOMBS, tmp_path, files)
    *ends, peak_mb = (
        json.loads(line) for line in done.stdout.splitlines() if line[0] in "[0123456789"
    )
    assert ends == [[4, "no_frames"]] * 3
    assert peak_mb < 400  # the second claims 768 MB


def test_a_large_picture_in_a_well_made_file_is_refused_by_name(tmp_path: Path) -> None:
    plane = ("-f", "lavfi", "-i", "color=red:size=8704x8704:rate=1:duration=1")
    refused(clips.ffmpeg("large.mp4", *plane, *nasty.X264), tmp_path, "too_large")


def _mutated(source: Path, seed: int) -> bytes:
    """Return the file with some bytes changed; every second time also cut out, doubled, cut off."""
    rng = random.Random(seed)
    data = bytearray(source.read_bytes())
    for _ in range(rng.randint(1, 30)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4 if seed % 2 else 2)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at : at + 4] = rng.randbytes(4)
        elif kind == 2:
            del data[at : at + rng.randint(1, 40)]
        else:
            data[at:at] = data[at : at + rng.randint(1, 40)]
    if seed % 6 == 1:
        del data[rng.randrange(len(data)) :]
    return bytes(data)


def _process(program: str, folder: Path, files: list[str]) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", program, str(folder / "runs"), *files],
        cwd=root,
        env={"PYTHONPATH": f"{root}:{root / 'gpu_container'}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )


_MANY = """
import json, sys
from pathlib import Path
from tests.gpu.enhanced import RECODE, enhanced
for path in sys.argv[2:]:
    print(json.dumps([path]), file=sys.stderr, flush=True)
    ended = enhanced(path, Path(sys.argv[1]) / Path(path).name, stages=RECODE, suffix=".mkv")
    print(json.dumps([path, ended.exit_code, ended.report["code"]]), flush=True)
"""
"""Many runs in one process: another than the tests', since a crash of a decoder would end it."""


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_mutated_files_end_with_a_name_and_in_time(tmp_path: Path, container: str) -> None:
    source = clips.ffmpeg(
        f"small.{container}",
        *clips.test_picture(frames=6),
        *clips.tone(0.24),
        *nasty.X264,
        *nasty.AAC,
    )
    files = []
    for seed in range(14):
        path = tmp_path / f"{seed}.{container}"
        path.write_bytes(_mutated(source, seed))
        files.append(str(path))
    done = _process(_MANY, tmp_path, files)
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(ends) == len(files)
    assert "Traceback" not in done.stderr
    bad = [end for end in ends if end[1] not in (0, 3, 4)]
    assert not bad
