"""Sizes, shapes, colours, depths, codecs: the picture is what it was, larger."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.gpu import clips
from tests.gpu import nasty_clips as nasty
from tests.gpu.enhanced import ENLARGE, RECODE, enhanced, refused, right, shown_times

HALF = ("-vf", "format=yuva444p10le,colorchannelmixer=aa=0.5")
AS_IT_IS = [{"name": "sr", "scale": 2}]
"""Coded as the source, in the encoder's usual way: presets have other names in each."""


@pytest.mark.parametrize(
    ("width", "height", "pixels"),
    [
        (639, 357, "yuv444p"),
        (1, 1, "yuv444p"),
        (16, 16, "yuv420p"),
        (4097, 16, "yuv444p"),
        (95, 63, "yuv420p"),
        (3, 2, "gray"),
    ],
)
def test_odd_sizes_come_out_twice_as_large(
    tmp_path: Path, width: int, height: int, pixels: str
) -> None:
    ended = enhanced(nasty.sized(width, height, pixels), tmp_path)
    assert ended.exit_code == 0, ended.report
    output = ended.report["output"]
    assert (output["width"], output["height"]) == (2 * width, 2 * height)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_kept_as_a_tag(tmp_path: Path, degrees: int) -> None:
    ended = right(nasty.turned(degrees), tmp_path)
    assert ended.report["input"]["rotation"] % 180 == degrees % 180


def test_a_mirrored_picture_stays_mirrored(tmp_path: Path) -> None:
    source = nasty.turned(0, flip=True)
    ended = right(source, tmp_path)
    assert _matrix(ended.output) == _matrix(source)


def _matrix(path: Path) -> bytes:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return next(bytes(side) for side in frame.side_data if "MATRIX" in side.type.name)


@pytest.mark.parametrize("aspect", ["8/9", "64/45"])
def test_samples_that_are_no_squares_stay_so(tmp_path: Path, aspect: str) -> None:
    right(nasty.anamorphic(aspect), tmp_path)


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    ended = right(nasty.ten_bit(), tmp_path)
    assert ended.report["output"]["pixel_format"] == "yuv420p10le"


def test_hdr10_keeps_its_tags_and_both_kinds_of_metadata(tmp_path: Path) -> None:
    source = nasty.hdr10()
    ended = right(source, tmp_path)
    assert _hdr(ended.output) == _hdr(source)
    assert len(_hdr(source)) == 2


def _hdr(path: Path) -> dict[str, bytes]:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        wanted = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
        return {s.type.name: bytes(s) for s in frame.side_data if s.type.name in wanted}


BT2020 = ("-color_primaries", "bt2020", "-colorspace", "bt2020nc")


@pytest.mark.parametrize(
    ("name", "tags", "pixels"),
    [
        ("hlg", (*BT2020, "-color_trc", "arib-std-b67"), "yuv420p10le"),
        ("full", ("-color_range", "pc"), "yuvj420p"),
        ("bt709", ("-color_primaries", "bt709", "-color_trc", "bt709"), "yuv420p"),
        ("601", ("-colorspace", "smpte170m", "-color_range", "tv"), "yuv420p"),
        ("none", (), "yuv420p"),
    ],
)
def test_colour_tags_are_neither_lost_nor_invented(
    tmp_path: Path, name: str, tags: tuple[str, ...], pixels: str
) -> None:
    right(nasty.tagged(name, *tags, pixels=pixels), tmp_path)


def test_untagged_hd_stays_untagged(tmp_path: Path) -> None:
    right(nasty.tagged("hd", size="1280x720"), tmp_path, stages=RECODE)


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuv422p10le"])
def test_fuller_chroma_is_kept(tmp_path: Path, pixels: str) -> None:
    source = nasty.coded(pixels, "mkv", "-c:v", "ffv1", "-pix_fmt", pixels)
    ended = right(source, tmp_path)
    assert ended.report["output"]["pixel_format"] == pixels


def test_gray_is_enlarged(tmp_path: Path) -> None:
    source = nasty.coded("gray", "mkv", "-c:v", "ffv1", "-pix_fmt", "gray")
    assert enhanced(source, tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("name", "suffix", "arguments"),
    [
        ("vp9-alpha", "webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-cpu-used", "8")),
        ("prores-alpha", "mov", (*HALF, "-c:v", "prores_ks", "-pix_fmt", "yuva444p10le")),
    ],
)
def test_transparency_is_refused_by_name(
    tmp_path: Path, name: str, suffix: str, arguments: tuple[str, ...]
) -> None:
    source = nasty.coded(name, suffix, *arguments, frames=2)
    refused(source, tmp_path, "alpha_unsupported", stages=AS_IT_IS)


@pytest.mark.parametrize("top_first", [True, False])
def test_fields_become_frames_when_asked(tmp_path: Path, top_first: bool) -> None:
    source = nasty.interlaced(top_first=top_first)
    ended = enhanced(source, tmp_path, stages=[{"name": "deinterlace"}, *ENLARGE])
    assert ended.exit_code == 0, ended.report
    assert len(shown_times(ended.output)) == 12
    assert shown_times(ended.output) == shown_times(source)
    with av.open(str(ended.output)) as container:
        assert not any(frame.interlaced_frame for frame in container.decode(video=0))


def test_telecined_film_keeps_its_count(tmp_path: Path) -> None:
    source = nasty.telecined()
    ended = enhanced(source, tmp_path, stages=[{"name": "deinterlace"}, *RECODE], suffix=".mkv")
    assert ended.exit_code == 0, ended.report
    assert len(shown_times(ended.output)) == len(shown_times(source))


def test_a_change_of_size_in_the_stream_keeps_every_frame_and_is_said(tmp_path: Path) -> None:
    ended = enhanced(nasty.changing_size(), tmp_path, suffix=".mkv")
    assert ended.exit_code == 0, ended.report
    assert len(shown_times(ended.output)) == 12
    assert (ended.report["output"]["width"], ended.report["output"]["height"]) == (192, 128)
    assert "changes its size" in ended.told


@pytest.mark.parametrize(
    ("name", "suffix", "arguments"),
    [
        ("av1", "mkv", ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p")),
        ("vp9", "webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-pix_fmt", "yuv420p")),
        ("mpeg2", "mpg", ("-c:v", "mpeg2video", "-pix_fmt", "yuv420p", "-q:v", "3")),
        ("mpeg4", "avi", ("-c:v", "mpeg4", "-q:v", "3", "-bf", "2")),
        ("mjpeg", "avi", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "3")),
        ("prores", "mov", ("-c:v", "prores_ks", "-profile:v", "0", "-pix_fmt", "yuv422p10le")),
        ("gif", "gif", ()),
    ],
)
def test_codecs_in_use_are_read(
    tmp_path: Path, name: str, suffix: str, arguments: tuple[str, ...]
) -> None:
    source = nasty.coded(name, suffix, *arguments)
    ended = enhanced(source, tmp_path, stages=AS_IT_IS, suffix=".mkv")
    assert ended.exit_code == 0, ended.report
    was, now = shown_times(source), shown_times(ended.output)
    assert len(now) == len(was) == 8
    output = ended.report["output"]
    assert (output["width"], output["height"]) == (192, 128)


def test_a_still_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    source = nasty.coded("still", "png", "-frames:v", "1", frames=1)
    ended = enhanced(source, tmp_path, suffix=".mp4")
    assert ended.exit_code == 0, ended.report
    assert ended.report["output"]["frames"] == 1


@pytest.mark.parametrize("colour", ["black", "white", "gray"])
def test_constant_pictures_stay_constant(tmp_path: Path, colour: str) -> None:
    ended = right(nasty.constant(colour), tmp_path)
    before = clips.luma_of(nasty.constant(colour))[0]
    for picture in clips.luma_of(ended.output):
        assert abs(picture.astype(int) - int(before[0, 0])).max() <= 2
