"""Our side of the benchmark, on a clip of a second."""

import json

import pytest

from bench.enhance.contest import child
from tests.gpu.clips import ffmpeg, test_picture

CODED = {"name": "convert", "codec": "h264", "preset": "ultrafast", "quality": 30}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory):
    return ffmpeg("bench.mp4", *test_picture(frames=12), "-c:v", "libx264")


def test_every_frame_is_counted_when_a_chunk_is_made(clip, tmp_path) -> None:
    stages = json.dumps([{"name": "sr", "scale": 2}, CODED])
    output = tmp_path / "chunk.mp4"

    told = child("bench.enhance.ours", "chunk", str(clip), str(output), "--stages", stages)

    assert told["frames"] == told["taken"] == 12
    assert told["wall_s"] > 0
    assert output.stat().st_size > 0
    assert told["encoder"] == "libx264"


def test_the_parts_are_timed_one_by_one(clip, tmp_path) -> None:
    stages = json.dumps([CODED])

    told = child(
        "bench.enhance.ours", "stages", str(clip), str(tmp_path / "o.mp4"), "--stages", stages
    )

    assert told["frames"] == 12
    assert min(told["decode_s"], told["encode_s"]) > 0


def test_memory_is_read_on_the_way(clip, tmp_path) -> None:
    stages = json.dumps([CODED])

    told = child(
        "bench.enhance.ours", "memory", str(clip), str(tmp_path / "o.mp4"), "--stages", stages
    )

    assert 0 < told["early_mb"] <= told["peak_mb"] + 1  # the kernel counts pages in batches
    assert 0 < told["late_mb"] <= told["peak_mb"] + 1
