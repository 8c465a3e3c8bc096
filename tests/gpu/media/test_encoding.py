from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from enhance.errors import BadInputError
from enhance.frames import Frame, StreamFacts
from enhance.media import (
    Chunk,
    ChunkFacts,
    ChunkWriter,
    Encoding,
    JoinError,
    choose_encoding,
    frames,
    join,
    new_frame,
    open_source,
)
from enhance.media.hdr import uncarried
from enhance.media.planes import to_video_frame
from enhance.spec import Convert
from tests.gpu import clips
from tests.gpu.media.rounds import code_chunks, go_round

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
FACTS = StreamFacts(
    width=32,
    height=16,
    format="yuv420p10le",
    depth=10,
    chroma_w=2,
    chroma_h=2,
    time_base=Fraction(1, 25),
    rate=Fraction(25),
)


def test_what_is_tied_to_the_old_frames_is_said():
    assert uncarried([Type.A53_CC, Type.MASTERING_DISPLAY_METADATA]) == [
        "closed captions inside the pictures may be lost"
    ]


def plain(frames: int = 12) -> Path:
    return clips.ffmpeg(
        f"enc-{frames}.mp4", *clips.test_picture(frames=frames), *clips.tone(0.5), *X264
    )


def chosen(path: Path, facts: StreamFacts | None = None, device: str = "cpu", **convert: object):
    source = open_source(path)
    return choose_encoding(Convert.model_validate(convert), source, facts or source.facts, device)


def test_the_source_s_codec_is_kept_where_it_can_be():
    assert chosen(plain()).encoder == "libx264"
    vp9 = clips.ffmpeg("enc.webm", *clips.test_picture(frames=5), "-c:v", "libvpx-vp9")
    assert chosen(vp9).codec == "av1"
    assert chosen(vp9, container="mp4").codec == "h264"
    mpeg = clips.ffmpeg("enc.mpg", *clips.test_picture(frames=5), "-c:v", "mpeg2video")
    assert chosen(mpeg).codec == "h264"


@pytest.mark.parametrize(
    ("codec", "asked", "comes"),
    [
        ("h264", None, "yuv420p10le"),
        ("hevc", "yuv422p10le", "yuv422p10le"),
        ("av1", "yuv444p", "yuv420p"),
        ("prores", None, "yuv422p10le"),
        ("prores", "yuv444p10le", "yuv444p10le"),
    ],
)
def test_the_pixel_format_is_the_one_asked_for_or_the_nearest(
    codec: str, asked: str | None, comes: str
):
    assert chosen(plain(), FACTS, codec=codec, pixel_format=asked).pixel_format == comes


def test_an_odd_size_is_kept_by_full_chroma_or_refused_by_name():
    odd = replace(FACTS, width=33, height=17, format="yuv420p", depth=8)
    assert chosen(plain(), odd).pixel_format == "yuv444p"
    with pytest.raises(BadInputError) as refused:
        chosen(plain(), odd, pixel_format="yuv420p")
    assert refused.value.code == "size_unsupported"


def test_quality_and_preset_are_the_encoder_s_own():
    encoding = chosen(plain(), quality=60, preset="veryfast")
    assert (encoding.options["crf"], encoding.options["preset"]) == ("51", "veryfast")
    assert any("scale" in note for note in encoding.notes)
    assert Encoding.model_validate_json(encoding.model_dump_json()) == encoding


def test_a_preset_that_no_encoder_knows_is_refused():
    with pytest.raises(BadInputError) as refused:
        chosen(plain(), preset="warp9")
    assert refused.value.code == "encoder_refused"


def test_an_nvenc_that_does_not_open_gives_way_by_name():
    encoding = chosen(plain(), device="cuda")
    if encoding.encoder != "h264_nvenc":
        assert encoding.encoder == "libx264"
        assert any("h264_nvenc does not open" in note for note in encoding.notes)


def test_a_decoded_frame_goes_to_the_encoder_without_a_copy():
    source = open_source(plain())
    frame = next(frames(source, 0, source.index.end))
    assert to_video_frame(frame, source.facts) is frame.owner


def test_a_new_frame_is_written_in_place_and_other_planes_are_copied():
    made = new_frame(FACTS, 3, 1)
    made.planes[0][:] = 700
    assert to_video_frame(made, FACTS) is made.owner
    other = Frame(tuple(np.full_like(plane, 9) for plane in made.planes), 4, 1, owner=made.owner)
    copied = to_video_frame(other, FACTS)
    assert copied is not made.owner
    assert int(made.planes[0][0, 0]) == 700
    wrong = Frame((np.zeros((9, 9), np.uint16),) * 3, 5, 1)
    with pytest.raises(ValueError, match="broadcast"):
        to_video_frame(wrong, FACTS)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "prores"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_chunks_keep_their_times_in_every_codec(codec: str, count: int, tmp_path: Path):
    done = go_round(plain(12), tmp_path, size=count, codec=codec)
    assert len({chunk.facts.extradata_sha256 for chunk in done.chunks}) == 1
    assert done.joined.frames == 12
    assert ChunkFacts.model_validate_json(done.chunks[0].facts.model_dump_json()) == (
        done.chunks[0].facts
    )


@pytest.mark.parametrize("pixels", ["gray", "gray10le"])
def test_grey_keeps_its_level_and_range_in_420(pixels: str, tmp_path: Path):
    clip = clips.ffmpeg(
        f"{pixels}.mkv",
        *("-f", "lavfi", "-i", "color=0xB0B0B0:size=32x32:rate=25:duration=0.2"),
        *("-pix_fmt", pixels, "-c:v", "ffv1"),
    )
    done = go_round(clip, tmp_path, codec="h264", quality=1)
    after = open_source(done.path)
    assert done.encoding.pixel_format == pixels.replace("gray", "yuv420p")
    assert after.facts.colour.full_range == done.source.facts.colour.full_range
    was = next(frames(done.source, 0, done.source.index.end)).planes
    now = next(frames(after, 0, after.index.end)).planes
    assert abs(float(now[0].mean()) - float(was[0].mean())) < 0.5
    assert int(now[1].max()) == 1 << (after.facts.depth - 1)


def test_coding_a_chunk_again_gives_the_same_bytes(tmp_path: Path):
    source = open_source(plain())
    encoding = choose_encoding(None, source, source.facts, "cpu")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, _ = code_chunks(source, encoding, tmp_path / "a", 5)
    two, _ = code_chunks(source, encoding, tmp_path / "b", 5)
    assert [chunk.facts for chunk in one] == [chunk.facts for chunk in two]


def test_a_writer_refuses_times_that_do_not_grow_and_leaves_no_facts(tmp_path: Path):
    source = open_source(plain())
    encoding = choose_encoding(None, source, source.facts, "cpu")
    writer = ChunkWriter(tmp_path / "x.mp4", encoding, source.facts)
    with pytest.raises(ValueError, match="after"), writer:
        for _ in range(2):
            writer.write(new_frame(source.facts, 5, 1))
    with pytest.raises(RuntimeError):
        _ = writer.facts


def test_a_range_without_frames_is_an_empty_chunk_that_joins(tmp_path: Path):
    source = open_source(plain())
    encoding = choose_encoding(None, source, source.facts, "cpu")
    chunks, _ = code_chunks(source, encoding, tmp_path, 6)
    with ChunkWriter(tmp_path / "none.mp4", encoding, source.facts) as writer:
        pass
    empty = Chunk(tmp_path / "none.mp4", writer.facts)
    assert empty.facts.pts == ()
    assert join(source, [chunks[0], empty, chunks[1]], tmp_path / "out").frames == 12


def test_chunks_that_do_not_fit_together_are_found(tmp_path: Path):
    source = open_source(plain())
    encoding = choose_encoding(None, source, source.facts, "cpu")
    chunks, _ = code_chunks(source, encoding, tmp_path, 6)
    other = choose_encoding(Convert(codec="hevc"), source, source.facts, "cpu")
    (tmp_path / "hevc").mkdir()
    strange, _ = code_chunks(source, other, tmp_path / "hevc", 6)
    cases = {
        "chunks_missing": [],
        "chunks_overlap": [chunks[1], chunks[0]],
        "chunks_differ": [chunks[0], strange[1]],
    }
    for code, given in cases.items():
        with pytest.raises(JoinError) as found:
            join(source, given, tmp_path / "out")
        assert found.value.code == code
    data = bytearray(chunks[1].path.read_bytes())
    data[len(data) // 2] ^= 1
    chunks[1].path.write_bytes(data)
    with pytest.raises(JoinError) as found:
        join(source, chunks, tmp_path / "out")
    assert found.value.code == "chunk_damaged"


def test_the_same_pictures_are_coded_alike_again(tmp_path: Path):
    facts = replace(FACTS, width=320, height=180, format="yuv420p", depth=8)
    noise = np.random.default_rng(0).integers(0, 255, (300, 500), dtype=np.uint8)
    field = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    encoding = choose_encoding(None, open_source(plain()), facts, "cpu")

    def coded() -> str:
        with ChunkWriter(tmp_path / "again.mp4", encoding, facts) as writer:
            for i in range(40):
                frame = new_frame(facts, i, 1)
                luma, *chroma = frame.planes
                luma[:] = field[i : i + 180, 2 * i : 2 * i + 320]
                for plane in chroma:
                    plane[:] = 128
                writer.write(frame)
        return writer.facts.sha256

    assert len({coded() for _ in range(24)}) == 1
