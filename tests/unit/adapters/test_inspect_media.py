"""Looking into real and hostile video files."""

from __future__ import annotations

import hashlib
import io
import random
from typing import Any

import av
import numpy as np
import pytest

from dailies.adapters.inspect_media import AvInspector
from dailies.adapters.ranged_reader import RangedReader
from dailies.domain.errors import AssetError, StorageError
from dailies.domain.ports import Inspection
from tests.storage.clips import a_clip, rotated
from tests.storage.doubles import MIB, MemoryMedia, an_mp4

KEY = "outputs/acme/job/asset.mp4"


def inspect(data: bytes, sha256: str | None = None) -> Inspection:
    media = MemoryMedia()
    media.put(KEY, data, "video/mp4")
    return AvInspector(media).inspect(KEY, len(data), sha256=sha256)


def picture(jpeg: bytes | None) -> np.ndarray[Any, Any]:
    assert jpeg is not None
    assert jpeg.startswith(b"\xff\xd8\xff")
    with av.open(io.BytesIO(jpeg), format="mjpeg") as container:
        frame = next(container.decode(video=0))
        return frame.to_ndarray(format="rgb24")


def is_red(pixel: Any) -> bool:
    return pixel[0] > 150 and pixel[2] < 80


def is_blue(pixel: Any) -> bool:
    return pixel[2] > 150 and pixel[0] < 80


def test_facts_are_what_decoding_shows() -> None:
    clip = a_clip(frames=36, audio=True)
    seen = inspect(clip)
    facts = seen.media
    assert (facts.container, facts.video_codec, facts.pixel_format) == ("mp4", "h264", "yuv420p")
    assert (facts.width, facts.height, facts.fps, facts.frames) == (320, 180, 24.0, 36)
    assert facts.duration_s == pytest.approx(1.5, abs=0.05)
    assert (facts.audio_codec, facts.sample_rate_hz, facts.channels) == ("aac", 48_000, 2)
    assert seen.sha256 == hashlib.sha256(clip).hexdigest()


def test_known_digest_is_kept_when_it_is_given() -> None:
    assert inspect(a_clip(), sha256="ab" * 32).sha256 == "ab" * 32


def test_file_without_sound_has_no_audio_facts() -> None:
    facts = inspect(a_clip()).media
    assert (facts.audio_codec, facts.sample_rate_hz, facts.channels) == (None, None, None)


def test_poster_is_the_first_picture_that_is_not_black() -> None:
    shown = picture(inspect(a_clip(black=6)).poster_jpeg)
    assert shown.shape == (180, 320, 3)
    assert is_red(shown[90, 40])
    assert is_blue(shown[90, 280])


def test_poster_is_made_all_the_same_when_everything_is_black() -> None:
    assert picture(inspect(a_clip(black=12)).poster_jpeg).mean() < 20


def test_poster_is_scaled_down_when_the_video_is_wide() -> None:
    assert picture(inspect(a_clip(width=1920, height=1080, frames=2)).poster_jpeg).shape == (
        720,
        1280,
        3,
    )


@pytest.mark.parametrize(
    ("turns", "size", "red_at", "blue_at"),
    [
        (1, (180, 320), (40, 90), (280, 90)),
        (2, (320, 180), (90, 280), (90, 40)),
        (3, (180, 320), (280, 90), (40, 90)),
    ],
)
def test_size_and_poster_are_upright_when_the_file_says_it_is_rotated(
    turns: int, size: tuple[int, int], red_at: tuple[int, int], blue_at: tuple[int, int]
) -> None:
    seen = inspect(rotated(a_clip(), turns))
    assert (seen.media.width, seen.media.height) == size
    shown = picture(seen.poster_jpeg)
    assert is_red(shown[red_at])
    assert is_blue(shown[blue_at])


def test_index_at_the_end_is_read_when_the_file_is_larger_than_the_cache() -> None:
    noise = random.Random(3).randbytes(12 * MIB - 8)
    clip = a_clip(frames=24)
    mdat, moov = clip.index(b"mdat") - 4, clip.index(b"moov") - 4
    assert mdat < moov
    padding = (12 * MIB).to_bytes(4) + b"free" + noise
    assert inspect(clip[:moov] + padding + clip[moov:]).media.frames == 24


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 5000,
        an_mp4(100_000),
        a_clip()[:1500],
        a_clip(container="matroska"),
        a_clip(codec="mjpeg", container="mov", pixels="yuvj420p"),
        b"<html>" * 100,
    ],
    ids=["empty", "zeros", "noise", "cut", "matroska", "odd codec", "page"],
)
def test_file_is_undecodable_when_it_is_not_a_usual_mp4(data: bytes) -> None:
    with pytest.raises(AssetError) as caught:
        inspect(data)
    assert caught.value.reason == "undecodable"


def test_file_decodes_when_its_metadata_is_not_utf_8() -> None:
    clip = a_clip()
    name = clip.index(b"VideoHandler")
    damaged = clip[:name] + b"Vid\xe9oHandl\xe9r" + clip[name + 12 :]
    assert inspect(damaged).media.frames == 12


def test_file_is_undecodable_when_it_has_only_sound() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as out:
        stream: Any = out.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(AssetError) as caught:
        inspect(target.getvalue())
    assert caught.value.reason == "undecodable"


def test_file_is_undecodable_when_its_picture_is_larger_than_we_bear() -> None:
    with pytest.raises(AssetError) as caught:
        inspect(a_clip(width=8200, height=64, frames=1))
    assert caught.value.reason == "undecodable"


def test_damaged_file_ends_in_facts_or_in_undecodable_but_in_nothing_else() -> None:
    clip, chance = a_clip(frames=6, audio=True), random.Random(7)
    for _ in range(200):
        damaged = bytearray(clip)
        for _ in range(chance.randint(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            assert inspect(bytes(damaged)).media.width
        except AssetError as exc:
            assert exc.reason == "undecodable"


def test_storage_error_stays_one_when_the_bucket_fails_under_the_decoder() -> None:
    class Failing(MemoryMedia):
        def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
            raise StorageError("no answer")

    with pytest.raises(StorageError):
        AvInspector(Failing()).inspect(KEY, 5000)


def test_reader_keeps_few_blocks_when_the_object_is_large() -> None:
    class Counting(MemoryMedia):
        reads = 0

        def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
            self.reads += 1
            assert length is not None
            assert length <= MIB
            return super().read(key, start=start, length=length)

    data = an_mp4(20 * MIB + 5)
    media = Counting()
    media.put(KEY, data, "video/mp4")
    reader = RangedReader(media, KEY, len(data))

    got = bytearray()
    while piece := reader.read(300_000):
        got += piece
    assert got == data
    assert media.reads == 21
    assert reader.read(1) == b""
    assert reader.seek(-5, io.SEEK_END) == len(data) - 5
    assert reader.read() == data[-5:]
    assert reader.tell() == len(data)
    assert reader.seek(-len(data) * 2, io.SEEK_CUR) == 0
