from __future__ import annotations

from pathlib import Path

import pytest

from enhance.errors import BadInputError
from enhance.media import Index, frames, open_source, scan
from tests.gpu import clips

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
PICTURE = clips.test_picture(frames=50)


def clip(name: str, *options: str) -> Path:
    return clips.ffmpeg(name, *PICTURE, *clips.tone(2), *X264, "-c:a", "aac", *options)


def code(path: Path) -> str:
    with pytest.raises(BadInputError) as refused:
        open_source(path)
    assert str(refused.value)
    return refused.value.code


def test_an_index_survives_json():
    index = scan(clip("scan.mp4"))
    assert Index.model_validate_json(index.model_dump_json()) == index
    assert index.frames == 50
    assert len(index.model_dump_json()) < 2000


def test_a_file_without_frame_counts_is_counted():
    assert scan(clip("scan.ts")).frames == 50


def test_a_file_cut_off_says_how_much_is_lost(tmp_path: Path):
    for name, options in (("cut.mp4", ("-movflags", "+faststart")), ("cut.mkv", ())):
        whole = clip(name, "-g", "10", *options)
        part = tmp_path / name
        part.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
        index = scan(part)
        found = len(list(frames(open_source(part), index.pts[0], index.end)))
        assert 0 < found < 50
        # Matroska's header tells a duration, not a count.
        assert index.frames + index.lost == pytest.approx(50, abs=0 if name == "cut.mp4" else 3)
        assert any("cut off" in note for note in open_source(part).notes)


def test_an_mp4_without_its_index_is_refused(tmp_path: Path):
    whole = clip("tail.mp4")
    part = tmp_path / "tail.mp4"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert code(part) == "unreadable"


def test_text_is_refused_and_so_are_playlists_that_name_other_files(tmp_path: Path):
    target = clip("scan.mp4")
    (tmp_path / "notes.mp4").write_text("hello, this is no video\n" * 50)
    assert code(tmp_path / "notes.mp4") == "unreadable"
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{target}'\n")
    assert code(tmp_path / "list.mp4") == "unreadable"
    (tmp_path / "live.mp4").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
    )
    assert code(tmp_path / "live.mp4") == "unreadable"


def test_a_song_with_a_cover_is_no_video():
    cover = clips.ffmpeg("cover.png", *clips.test_picture(frames=1), "-frames:v", "1")
    song = clips.ffmpeg(
        "song.mp3",
        *(*clips.tone(1), "-i", f"file:{cover}", "-map", "0", "-map", "1"),
        *("-c:v", "copy", "-disposition:v", "attached_pic"),
    )
    assert code(song) == "no_video"


def test_encryption_is_refused():
    key = (
        "-encryption_scheme",
        "cenc-aes-ctr",
        "-encryption_key",
        "76a6c65c5ea762046bd749a2e632ccbb",
    )
    assert code(clip("drm.mp4", *key, "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")) == (
        "encrypted"
    )


def test_a_raw_stream_without_times_is_refused():
    assert code(clips.ffmpeg("raw.h264", *PICTURE, *X264)) == "no_timestamps"


def test_the_parts_of_a_joined_transport_stream_follow_each_other(tmp_path: Path):
    one = clip("part.ts").read_bytes()
    both = tmp_path / "both.ts"
    both.write_bytes(one + one)
    index = scan(both)
    assert len(index.jumps) == 1
    assert index.frames == 100
    assert index.rate == 25
    source = open_source(both)
    start = index.pts[60]
    assert [f.pts for f in frames(source, start, index.pts[65])] == list(index.pts[60:65])


def test_a_clock_that_wraps_goes_on():
    plain = clip("part.ts")
    wrapped = clips.ffmpeg(
        "wrapped.ts",
        *("-i", f"file:{plain}", "-c", "copy", "-copyts", "-output_ts_offset", "95441.5"),
        *("-mpegts_copyts", "1"),
    )
    index = scan(wrapped)
    assert (index.frames, index.rate) == (50, 25)
    source = open_source(wrapped)
    assert [f.pts for f in frames(source, index.pts[40], index.pts[44])] == list(index.pts[40:44])


def test_an_edit_list_hides_what_it_hides():
    whole = clip("scan.mp4")
    cut = clips.ffmpeg("edit.mp4", "-ss", "0.5", "-i", f"file:{whole}", "-c", "copy")
    source = open_source(cut)
    shown = [f.pts for f in frames(source, source.index.pts[0], source.index.end)]
    assert shown == list(source.index.pts)
    assert min(shown) >= 0


@pytest.mark.parametrize("name", ["still.png", "still.jpg"])
def test_a_still_image_is_one_frame(name: str):
    source = open_source(clips.ffmpeg(name, *clips.test_picture(frames=1), "-frames:v", "1"))
    assert len(list(frames(source, source.index.pts[0], source.index.end))) == 1
