"""Files of many kinds, coded in chunks of seven frames and joined: nothing may be different."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from enhance.errors import BadInputError
from tests.gpu import clips
from tests.gpu.media.rounds import go_round, sound, times

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
X265 = ("-c:v", "libx265", "-preset", "ultrafast")
QUIET = "log-level=none"
PICTURE = clips.test_picture(frames=30)
TONE = clips.tone(1.3)
HDR10 = (
    *("-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084"),
    *("-colorspace", "bt2020nc", "-color_range", "tv"),
    "-x265-params",
    f"{QUIET}:hdr10=1:max-cll=1000,400:master-display="
    "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)",
)
VFR = ("-vf", "settb=1/90000,setpts='N*3600+floor(random(1)*1500)'", "-fps_mode", "passthrough")
BASE = {"plain.mp4": (*PICTURE, *TONE, *X264, "-bf", "2", "-c:a", "aac")}
KINDS: dict[str, tuple[str, ...]] = {
    **BASE,
    "film.mp4": (*clips.test_picture(rate="24000/1001", frames=30), *X264),
    "tv.mkv": (*clips.test_picture(rate="60000/1001", frames=30), *X264),
    "vfr.mp4": (*PICTURE, *VFR, *X264, "-enc_time_base", "1/90000"),
    "late.mp4": (*PICTURE, *TONE, *X264, "-c:a", "aac", "-output_ts_offset", "1.5"),
    "sound-late.mp4": (*PICTURE, "-itsoffset", "0.7", *TONE, *X264, "-c:a", "aac"),
    "video-late.mp4": ("-itsoffset", "0.4", *PICTURE, *TONE, *X264, "-c:a", "aac"),
    "sar.mp4": (*PICTURE, "-vf", "setsar=64/45", *X264),
    "full-range.mp4": (*PICTURE, "-c:v", "libx264", "-pix_fmt", "yuvj420p"),
    "ten-bit.mp4": (*PICTURE, *X265, "-pix_fmt", "yuv420p10le", "-x265-params", QUIET),
    "hdr10.mp4": (*PICTURE, *X265, *HDR10),
    "hlg.mkv": (
        *(*PICTURE, *X265, "-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020"),
        *("-color_trc", "arib-std-b67", "-colorspace", "bt2020nc", "-x265-params", QUIET),
    ),
    "422.mkv": (*PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv422p"),
    "odd444.mp4": (
        *clips.test_picture(size="33x17", frames=9),
        *("-c:v", "libx264", "-pix_fmt", "yuv444p"),
    ),
    "sixteen.mp4": (
        *clips.test_picture(size="16x16", frames=9),
        *("-c:v", "libx264", "-pix_fmt", "yuv444p"),
    ),
    "one-frame.mp4": (*clips.test_picture(frames=1), *X264),
    "all-key.mp4": (*PICTURE, *X264, "-g", "1"),
    "one-key.mp4": (*PICTURE, *X264, "-g", "999"),
    "fields.mp4": (*PICTURE, "-vf", "setfield=tff", *X264, "-flags", "+ildct+ilme"),
    "fragmented.mp4": (*PICTURE, *X264, "-movflags", "frag_keyframe+empty_moov"),
    "-sp ace ünï:%d.mp4": (*PICTURE, *X264),
    "pcm.mov": (*PICTURE, *TONE, *X264, "-c:a", "pcm_s16le"),
    "long-sound.mp4": (*PICTURE, *clips.tone(3), *X264, "-c:a", "aac"),
}


@pytest.mark.parametrize("name", KINDS)
def test_times_tags_and_sound_are_the_source_s(name: str, tmp_path: Path):
    clip = clips.ffmpeg(name, *KINDS[name])
    done = go_round(clip, tmp_path)
    was, now = done.source.index, done.index

    assert not any(report.damaged for report in done.reports)
    assert times(now) == times(was)
    assert sound(done.path) == sound(clip)
    assert now.duration_s == pytest.approx(was.duration_s, abs=1e-9)
    for field in ("width", "height", "pixel_format", "rate", "sample_aspect", "hdr", "codec"):
        assert getattr(now, field) == getattr(was, field), field
    assert (now.colour.primaries, now.colour.transfer, now.colour.matrix) == (
        was.colour.primaries,
        was.colour.transfer,
        was.colour.matrix,
    )
    assert bool(now.colour.full_range) == bool(was.colour.full_range)
    assert (now.interlaced, now.top_field_first) == (was.interlaced, was.top_field_first)
    assert done.joined.frames == was.frames


@pytest.mark.parametrize("turn", [90, 180, 270, "hflip"])
def test_rotation_and_flip_are_kept(turn: int | str, tmp_path: Path):
    plain = clips.ffmpeg("plain.mp4", *KINDS["plain.mp4"])
    option = ("-display_hflip",) if turn == "hflip" else ("-display_rotation", str(turn))
    turned = clips.ffmpeg(f"turned-{turn}.mp4", *option, "-i", f"file:{plain}", "-c", "copy")
    for container in ("mp4", "mkv"):
        folder = tmp_path / container
        folder.mkdir()
        done = go_round(turned, folder, container=container)
        was, now = done.source.index, done.index
        assert (now.rotation, now.flipped) == (was.rotation, was.flipped)
        assert was.display_matrix is not None
        if container == "mp4":
            assert now.display_matrix == was.display_matrix


@pytest.mark.parametrize(
    ("codec", "container", "pixel_format"),
    [
        ("h264", "mkv", "yuv420p"),
        ("hevc", "mov", "yuv420p"),
        ("av1", "mp4", "yuv420p"),
        ("prores", "mov", "yuv422p10le"),
        ("prores", "mkv", "yuv422p10le"),
    ],
)
def test_every_codec_and_container_joins(
    codec: str, container: str, pixel_format: str, tmp_path: Path
):
    clip = clips.ffmpeg("plain.mp4", *KINDS["plain.mp4"])
    done = go_round(clip, tmp_path, codec=codec, container=container)
    assert (done.joined.video_codec, done.joined.container) == (codec, container)
    assert done.joined.pixel_format == pixel_format
    # AAC's run-in starts before 0: MP4 hides it by an edit list, Matroska cannot.
    assert any("later" in note for note in done.joined.notes) == (container == "mkv")
    was, now = times(done.source.index), times(done.index)
    tolerance = Fraction(1, 1000) if container == "mkv" else 0
    assert max(abs(a - now[0] - b + was[0]) for a, b in zip(now, was, strict=True)) <= tolerance
    late = (sound(done.path)[0][2] - now[0]) - (sound(clip)[0][2] - was[0])
    assert abs(late) <= tolerance
    assert [entry[:2] for entry in sound(done.path)] == [entry[:2] for entry in sound(clip)]


def test_a_transport_stream_starts_at_zero_with_the_same_steps(tmp_path: Path):
    clip = clips.ffmpeg("plain.ts", *KINDS["plain.mp4"])
    done = go_round(clip, tmp_path)
    was, now = times(done.source.index), times(done.index)
    assert done.source.index.start > 0
    assert [t - now[0] for t in now] == [t - was[0] for t in was]
    assert sound(done.path)[0][0] == sound(clip)[0][0]
    assert min(now[0], sound(done.path)[0][2]) == 0


def test_everything_beside_the_video_is_carried(tmp_path: Path):
    subtitles, chapters = tmp_path / "s.srt", tmp_path / "c.txt"
    subtitles.write_text("1\n00:00:00,100 --> 00:00:00,900\nhello\n\n")
    chapters.write_text(
        ";FFMETADATA1\ntitle=My Film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=600\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=600\nEND=1200\ntitle=Two\n"
    )
    cover = clips.ffmpeg("cover.png", *clips.test_picture(frames=1), "-frames:v", "1")
    clip = clips.ffmpeg(
        "many.mkv",
        *(*PICTURE, *TONE, *clips.tone(1, hertz=800), "-i", str(subtitles), "-i", str(chapters)),
        *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map_metadata", "4"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-attach", str(chapters), "-metadata:s:t:0", "mimetype=text/plain"),
        *("-attach", str(cover), "-metadata:s:t:1", "mimetype=image/png"),
        *(*X264, "-c:a", "aac", "-c:s", "srt"),
    )
    done = go_round(clip, tmp_path)
    assert not done.joined.notes
    assert sound(done.path) == sound(clip)
    assert [entry[3] for entry in sound(done.path)] == ["eng", "deu"]
    with av.open(str(clip)) as before, av.open(str(done.path)) as after:
        assert after.metadata["title"] == before.metadata["title"] == "My Film"
        assert [c["metadata"] for c in after.chapters()] == [{"title": "One"}, {"title": "Two"}]
        assert [s.codec_context.codec.canonical_name for s in after.streams.subtitles] == ["subrip"]
        kinds = sorted((s.type, int(s.disposition) & 1024) for s in after.streams)
        assert kinds == sorted((s.type, int(s.disposition) & 1024) for s in before.streams)


def test_a_container_that_cannot_hold_the_sound_gives_way_by_name(tmp_path: Path):
    clip = clips.ffmpeg("plain.mp4", *KINDS["plain.mp4"])
    done = go_round(clip, tmp_path, codec="av1", container="webm")
    assert done.joined.container == "mkv"
    assert "mkv instead of webm, which does not hold aac" in done.joined.notes


def test_a_codec_that_the_container_asked_for_cannot_hold_is_refused(tmp_path: Path):
    clip = clips.ffmpeg("plain.mp4", *KINDS["plain.mp4"])
    with pytest.raises(BadInputError) as refused:
        go_round(clip, tmp_path, codec="h264", container="webm")
    assert refused.value.code == "codec_not_in_container"
