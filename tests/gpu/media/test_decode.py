from __future__ import annotations

import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from enhance.errors import BadInputError
from enhance.media import DecodeReport, Source, frames, open_source
from tests.gpu import clips

MOVING = clips.test_picture(frames=60)
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
OPEN_GOP = "log-level=none:open-gop=1:keyint=12:min-keyint=12:bframes=4:b-pyramid=1:scenecut=0"
SEEKABLE: dict[str, tuple[str, ...]] = {
    "open.mp4": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", OPEN_GOP),
    "open.ts": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", OPEN_GOP),
    "open.mkv": (
        *("-c:v", "libx264", "-x264-params"),
        "open-gop=1:keyint=12:bframes=3:b-pyramid=normal:scenecut=0",
    ),
    "one-key.mp4": (*X264, "-g", "999"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-g", "20"),
    "vp8.webm": ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "200k"),
    "av1.mp4": ("-c:v", "libsvtav1", "-preset", "12", "-g", "20"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-bf", "2"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-bf", "2"),
    "mjpeg.avi": ("-c:v", "mjpeg"),
}


def taken(source: Source, start: int, end: int, before: int = 0, after: int = 0):
    return [
        (frame.pts, frame.duration, [zlib.crc32(plane.tobytes()) for plane in frame.planes])
        for frame in frames(source, start, end, before, after)
    ]


@pytest.mark.parametrize("name", SEEKABLE)
def test_chunks_hold_exactly_the_frames_of_the_whole(name: str):
    source = open_source(clips.ffmpeg(name, *MOVING, *SEEKABLE[name]))
    pts = [*source.index.pts, source.index.end]
    whole = taken(source, pts[0], pts[-1])
    assert [frame[0] for frame in whole] == list(source.index.pts)
    assert len(whole) == 60
    borders = [*pts[:-1:7], pts[-1]]
    parts = [frame for start, end in pairwise(borders) for frame in taken(source, start, end)]
    assert parts == whole


def test_context_frames_surround_the_range_as_far_as_there_are_any():
    source = open_source(clips.ffmpeg("open.mp4", *MOVING, *SEEKABLE["open.mp4"]))
    pts = source.index.pts
    report = DecodeReport()
    got = [frame.pts for frame in frames(source, pts[20], pts[23], 2, 3, report=report)]
    assert got == list(pts[18:26])
    assert (report.expected, report.decoded, report.missing) == (3, 3, 0)
    assert [frame[0] for frame in taken(source, pts[0], pts[2], 5, 1)] == list(pts[:3])
    assert [frame[0] for frame in taken(source, pts[58], source.index.end, 1, 5)] == list(pts[57:])


def test_a_file_object_is_read_like_a_path():
    path = clips.ffmpeg("open.mp4", *MOVING, *SEEKABLE["open.mp4"])
    source = open_source(path)
    with path.open("rb") as file:
        other = open_source(file)
        assert other.index == source.index
        pts = source.index.pts
        assert taken(other, pts[30], pts[40]) == taken(source, pts[30], pts[40])
    opener = Source(lambda: path.open("rb"), source.index, source.facts)
    assert taken(opener, pts[30], pts[40]) == taken(source, pts[30], pts[40])


def test_planes_are_views_of_the_decoder_s_memory():
    source = open_source(clips.ffmpeg("open.mp4", *MOVING, *SEEKABLE["open.mp4"]))
    frame = next(frames(source, source.index.pts[0], source.index.end))
    assert [plane.shape for plane in frame.planes] == [(64, 96), (32, 48), (32, 48)]
    assert all(plane.base is not None for plane in frame.planes)


@pytest.mark.parametrize(
    ("name", "options", "becomes", "depth"),
    [
        ("rgb.mkv", ("-c:v", "libx264rgb", "-qp", "0"), "yuv444p", 8),
        ("gbr10.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp10le"), "yuv444p10le", 10),
        ("411.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv411p"), "yuv422p", 8),
        ("sixteen-bit.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p16le"), "yuv420p12le", 12),
        ("gray.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray"), "gray", 8),
        ("palette.gif", (), "yuv444p", 8),
    ],
)
def test_other_formats_become_planar_by_name(
    name: str, options: tuple[str, ...], becomes: str, depth: int
):
    source = open_source(clips.ffmpeg(name, *clips.test_picture(frames=4), *options))
    assert (source.facts.format, source.facts.depth) == (becomes, depth)
    assert becomes == "gray" or any(f"becomes {becomes}" in note for note in source.notes)
    got = list(frames(source, source.index.pts[0], source.index.end))
    assert len(got) == 4
    assert len(got[0].planes) == (1 if becomes == "gray" else 3)


def test_rgb_grey_lands_on_the_limited_range_s_luma(tmp_path: Path):
    path = tmp_path / "grey.png"
    path.write_bytes(
        clips.ffmpeg(
            "grey.png",
            *("-f", "lavfi", "-i", "color=0x808080:size=32x32:rate=25:duration=0.04"),
            *("-frames:v", "1", "-pix_fmt", "rgb24"),
        ).read_bytes()
    )
    source = open_source(path)
    (frame,) = frames(source, source.index.pts[0], source.index.end)
    assert np.unique(frame.planes[0]).tolist() == [16 + round(219 * 128 / 255)]
    assert np.unique(frame.planes[1]).tolist() == [128]
    assert (source.facts.colour.matrix, source.facts.colour.full_range) == (6, False)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("alpha.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p")),
        ("alpha.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
    ],
)
def test_transparency_is_refused_by_name(name: str, options: tuple[str, ...]):
    half = ("-vf", "format=rgba,colorchannelmixer=aa=0.5")
    clip = clips.ffmpeg(name, *clips.test_picture(frames=3), *half, *options)
    with pytest.raises(BadInputError) as refused:
        source = open_source(clip)
        list(frames(source, source.index.pts[0], source.index.end))
    assert refused.value.code == "alpha_unsupported"


def test_a_change_of_size_is_scaled_to_the_first_and_said(tmp_path: Path):
    small = clips.ffmpeg("small.ts", *clips.test_picture(frames=10, size="64x48"), *X264)
    large = clips.ffmpeg(
        "large.ts", *clips.test_picture(frames=10), *X264, "-output_ts_offset", "0.4"
    )
    both = tmp_path / "both.ts"
    both.write_bytes(large.read_bytes() + small.read_bytes())
    both.write_bytes(small.read_bytes() + large.read_bytes())
    source = open_source(both)
    report = DecodeReport()
    got = list(frames(source, source.index.pts[0], source.index.end, report=report))
    assert {frame.planes[0].shape for frame in got} == {(48, 64)}
    assert any("scaled to 64x48" in note for note in report.notes)
    assert report.decoded == 20


def test_flipped_bytes_are_counted_and_times_still_grow(tmp_path: Path):
    clip = clips.ffmpeg("plain-damage.mp4", *MOVING, *X264, "-g", "12")
    data = bytearray(clip.read_bytes())
    for place in range(len(data) // 3, 2 * len(data) // 3, 97):
        data[place] ^= 0xFF
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    source = open_source(broken)
    report = DecodeReport()
    times = [f.pts for f in frames(source, source.index.pts[0], source.index.end, report=report)]
    assert report.damaged
    assert report.corrupt + report.missing > 0
    assert all(a < b for a, b in pairwise(times))


def test_cuda_without_a_gpu_decodes_in_software_and_says_so():
    source = open_source(clips.ffmpeg("one-key.mp4", *MOVING, *SEEKABLE["one-key.mp4"]))
    report = DecodeReport()
    pts = source.index.pts
    got = list(frames(source, pts[0], pts[3], report=report, device="cuda"))
    assert len(got) == 3
    if "nvdec" not in report.decoder:
        assert any("software" in note for note in report.notes)
