"""Sound, text, chapters, attachments and names: what lies beside the picture comes along."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from tests.gpu import clips
from tests.gpu import nasty_clips as nasty
from tests.gpu.enhanced import RECODE, enhanced, right, sounds

INTO_MP4 = [{"name": "convert", "container": "mp4", "preset": "ultrafast"}]


def test_a_file_without_sound_stays_without(tmp_path: Path) -> None:
    ended = right(nasty.no_sound(), tmp_path)
    assert ended.report["output"]["audio_codec"] is None


def test_everything_beside_the_picture_comes_along(tmp_path: Path) -> None:
    source = nasty.full_of_tracks()
    ended = right(source, tmp_path)
    assert _tracks(ended.output) == _tracks(source)
    with av.open(str(source)) as before, av.open(str(ended.output)) as after:
        named = [(c["start"], c["end"], c["metadata"].get("title")) for c in before.chapters()]
        assert [
            (c["start"], c["end"], c["metadata"].get("title")) for c in after.chapters()
        ] == named
        assert len(named) == 2
        assert after.metadata.get("title") == "Nasty"
    assert _payload(ended.output, "subtitle") == _payload(source, "subtitle")


def _tracks(path: Path) -> list[tuple[str, ...]]:
    with av.open(str(path)) as container:
        # sorted: where attachments stand among the streams means nothing
        return sorted(
            (stream.type, *(stream.metadata.get(key, "") for key in ("language", "filename")))
            for stream in container.streams
        )


def _payload(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


@pytest.mark.parametrize("codec", ["flac", "pcm_s16le", "libopus", "mp2"])
def test_sound_is_copied_bit_by_bit_into_mp4(tmp_path: Path, codec: str) -> None:
    source = nasty.sound_of(codec, "mkv")
    ended = enhanced(source, tmp_path, stages=INTO_MP4, suffix=".mp4")
    assert ended.exit_code == 0, ended.report
    assert sounds(ended.output) == sounds(source)
    assert ended.report["output"]["container"] == "mp4"


def test_sound_that_mp4_cannot_hold_makes_it_matroska_and_says_so(tmp_path: Path) -> None:
    source = nasty.sound_of("wavpack", "mkv")
    ended = enhanced(source, tmp_path, stages=INTO_MP4, suffix=".mp4")
    assert ended.exit_code == 0, ended.report
    assert sounds(ended.output) == sounds(source)
    assert ended.report["output"]["container"] == "mkv"
    assert "which does not hold" in ended.told


def test_sound_that_nothing_here_holds_is_left_out_and_named(tmp_path: Path) -> None:
    ended = enhanced(nasty.sound_of("wmav2", "mkv"), tmp_path, stages=RECODE)
    assert ended.exit_code == 0, ended.report
    assert sounds(ended.output) == []
    assert any("wmav2" in warning for warning in ended.report["warnings"])


@pytest.mark.parametrize(
    "name", ["with space.mp4", "déjà vu, 映像.mp4", "-dash.mp4", "a%20b+c&d.mp4"]
)
def test_names_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    shutil.copy(clips.plain(4), source)
    folder = tmp_path / Path(name).stem
    ended = enhanced(source, folder, stages=RECODE)
    assert ended.exit_code == 0, ended.report
    assert ended.output.exists()


def test_a_relative_name_that_begins_with_a_dash_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(clips.plain(4), tmp_path / "-i.mp4")
    assert enhanced("-i.mp4", tmp_path / "run", stages=RECODE).exit_code == 0
