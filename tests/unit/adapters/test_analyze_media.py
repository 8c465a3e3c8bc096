"""Looking through real and hostile video files."""

from __future__ import annotations

import pytest

from dailies.adapters.analyze_media import EnhanceAnalyzer
from dailies.domain.errors import AssetError, StorageError
from dailies.domain.ports import Analyzed
from tests.fakes.time import ManualClock
from tests.storage.clips import a_clip, rotated
from tests.storage.doubles import MemoryMedia, an_mp4

KEY = "outputs/acme/job/asset.mp4"


def analyze(
    data: bytes, *, key: str = KEY, expected_s: float | None = None, budget_s: float = 60.0
) -> Analyzed:
    media = MemoryMedia()
    media.put(key, data, "video/mp4")
    analyzer = EnhanceAnalyzer(media, ManualClock(), budget_s)
    return analyzer.analyze(key, len(data), expected_s=expected_s)


def test_facts_and_quality_are_what_decoding_all_of_it_shows() -> None:
    seen = analyze(a_clip(frames=36, audio=True))

    facts = seen.media
    assert (facts.container, facts.video_codec, facts.pixel_format) == ("mp4", "h264", "yuv420p")
    assert (facts.width, facts.height, facts.frames) == (320, 180, 36)
    assert (facts.fps, facts.duration_s) == (pytest.approx(24.0, abs=0.1), pytest.approx(1.5, 0.05))
    assert (facts.audio_codec, facts.sample_rate_hz, facts.channels) == ("aac", 48_000, 2)
    assert seen.quality.sharpness is not None
    assert seen.quality.black_s == 0


def test_size_is_that_of_the_upright_picture() -> None:
    seen = analyze(rotated(a_clip(), 1))

    assert (seen.media.width, seen.media.height) == (180, 320)


def test_short_video_is_found_when_more_was_expected() -> None:
    seen = analyze(a_clip(frames=24), expected_s=5.0)

    assert "short" in {finding.code for finding in seen.quality.findings}


def test_container_is_named_by_what_it_is_when_the_key_tells_nothing() -> None:
    assert analyze(a_clip(), key="uploads/acme/asset").media.container == "mp4"


@pytest.mark.parametrize("data", [an_mp4(3000), b"", b"\0" * 4000], ids=["torn", "empty", "zeros"])
def test_what_cannot_be_decoded_is_refused(data: bytes) -> None:
    with pytest.raises(AssetError) as refused:
        analyze(data)

    assert refused.value.reason == "unmeasurable"


def test_looking_through_ends_when_its_time_is_up() -> None:
    with pytest.raises(AssetError, match="too long"):
        analyze(a_clip(), budget_s=-1.0)


def test_bucket_that_does_not_answer_is_no_fault_of_the_video() -> None:
    class Down(MemoryMedia):
        def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
            raise StorageError("no answer")

    with pytest.raises(StorageError):
        EnhanceAnalyzer(Down(), ManualClock(), 60.0).analyze(KEY, 3000)
