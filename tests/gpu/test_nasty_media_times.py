"""Clocks, rates, groups of pictures: every picture is shown when it was."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.gpu import clips
from tests.gpu import nasty_clips as nasty
from tests.gpu.enhanced import ENLARGE, RECODE, enhanced, right, shown_times


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001"])
def test_fractional_rates_stay_exact(tmp_path: Path, rate: str) -> None:
    ended = right(clips.plain(10, rate), tmp_path)
    assert ended.report["output"]["fps"] == pytest.approx(float(Fraction(rate)), abs=1e-3)
    with av.open(str(ended.output)) as container:
        assert container.streams.video[0].average_rate == Fraction(rate)


@pytest.mark.parametrize(("suffix", "clock"), [("mp4", 90000), ("mkv", None), ("mp4", 12800)])
def test_a_varying_rate_is_kept_in_every_clock(
    tmp_path: Path, suffix: str, clock: int | None
) -> None:
    ended = right(nasty.varying(suffix, clock), tmp_path)
    assert ended.report["input"]["variable_rate"] is True


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_late_start_and_a_later_sound_stay_apart(tmp_path: Path, suffix: str) -> None:
    right(nasty.late_start(suffix), tmp_path)


def test_sound_that_starts_first_stays_first(tmp_path: Path) -> None:
    right(nasty.sound_first(), tmp_path)


def test_frames_before_an_edit_lists_start_are_not_shown(tmp_path: Path) -> None:
    right(nasty.edit_list(), tmp_path)


def test_sound_that_starts_before_zero_moves_with_the_picture_into_matroska(
    tmp_path: Path,
) -> None:
    stages = [{"name": "convert", "container": "mkv", "preset": "ultrafast"}]
    right(nasty.early_sound(), tmp_path, stages=stages, suffix=".mkv")


@pytest.mark.parametrize("seconds", [0.2, 1.0])
def test_sound_of_another_length_than_the_picture_is_kept_whole(
    tmp_path: Path, seconds: float
) -> None:
    right(nasty.sound_of("aac", "mp4", seconds), tmp_path)


def test_a_wrapping_clock_goes_on(tmp_path: Path) -> None:
    ended = enhanced(nasty.wrapped_clock(), tmp_path, stages=RECODE, suffix=".mkv")
    assert ended.exit_code == 0, ended.report
    times = shown_times(ended.output)
    assert len(times) == 20
    assert all(abs(float(b - a) - 0.04) < 0.0015 for a, b in pairwise(times))


def test_a_clock_that_starts_again_is_mended_and_said(tmp_path: Path) -> None:
    ended = enhanced(nasty.broken_clock(), tmp_path, stages=RECODE, suffix=".mkv")
    assert ended.exit_code in (0, 3), ended.report
    times = shown_times(ended.output)
    assert len(times) == 16
    assert all(0 < b - a < Fraction(1, 5) for a, b in pairwise(times))
    assert "clock" in ended.told


@pytest.mark.parametrize(
    ("name", "codec", "arguments"),
    [
        ("one-key", "libx264", ("-preset", "veryfast", "-g", "999", "-bf", "2")),
        ("all-keys", "libx264", ("-preset", "ultrafast", "-g", "1")),
        ("pyramid", "libx264", ("-preset", "veryfast", "-bf", "4", "-b-pyramid", "normal")),
        (
            "open",
            "libx265",
            (
                *("-preset", "fast"),
                *("-x265-params", "log-level=error:open-gop=1:keyint=8:min-keyint=8:bframes=4"),
            ),
        ),
    ],
)
def test_chunks_begin_anywhere_in_a_group_of_pictures(
    tmp_path: Path, name: str, codec: str, arguments: tuple[str, ...]
) -> None:
    source = nasty.grouped(name, codec, "-pix_fmt", "yuv420p", *arguments)
    chunked = right(source, tmp_path / "chunked", chunk_s=0.3)
    assert chunked.report["chunks"]["total"] > 1
    whole = enhanced(source, tmp_path / "whole", stages=ENLARGE)
    assert shown_times(whole.output) == shown_times(chunked.output)


def test_pictures_at_one_time_and_gaps_of_ten_seconds_are_all_kept(tmp_path: Path) -> None:
    times = (0, 40, 40, 80, 120, 10120, 10160, 10160, 10200)
    source = nasty.odd_times("recording", times)
    ended = enhanced(source, tmp_path)
    assert ended.exit_code == 0, ended.report
    shown = [round(float(t) * 1000) for t in shown_times(ended.output)]
    assert len(shown) == len(times)
    assert all(abs(now - was) <= 1 for now, was in zip(shown, times, strict=True))
    assert "time of the one before" in ended.told


@pytest.mark.parametrize("frames", [1, 2])
def test_one_or_two_frames_are_a_video(tmp_path: Path, frames: int) -> None:
    right(clips.plain(frames), tmp_path)


def test_three_promised_hours_with_a_second_of_data_are_a_second(tmp_path: Path) -> None:
    ended = enhanced(nasty.long_promise(), tmp_path, stages=RECODE)
    assert ended.exit_code in (0, 3), ended.report
    assert len(shown_times(ended.output)) == 25
    assert ended.report["output"]["duration_s"] == pytest.approx(1.0, abs=0.1)


def test_interpolation_adds_midpoints_and_holds_over_the_cut(tmp_path: Path) -> None:
    source = nasty.scene_change()
    stages = [{"name": "interpolate", "factor": 2}, {"name": "convert", "quality": 12}]
    ended = enhanced(source, tmp_path / "one", stages=stages)
    assert ended.exit_code == 0, ended.report
    times = shown_times(ended.output)
    assert len(times) == 39
    assert {b - a for a, b in pairwise(times)} == {Fraction(1, 50)}
    pictures = clips.luma_of(ended.output)
    # number 19 lies between the scenes' last and first pictures: no ghost of both
    assert clips.psnr(pictures[19], pictures[18]) > 35
    assert clips.psnr(pictures[19], pictures[20]) < 25

    # a chunk border on the cut and inside a pair changes nothing
    chunked = enhanced(source, tmp_path / "many", stages=stages, chunk_s=0.2)
    assert chunked.report["chunks"]["total"] > 1
    assert shown_times(chunked.output) == times
    for ours, theirs in zip(clips.luma_of(chunked.output), pictures, strict=True):
        assert clips.psnr(ours, theirs) > 38


def test_interpolation_of_a_varying_rate_keeps_the_sources_times(tmp_path: Path) -> None:
    source = nasty.varying("mp4", 90000)
    ended = enhanced(source, tmp_path, stages=[{"name": "interpolate"}])
    assert ended.exit_code == 0, ended.report
    was, now = shown_times(source), shown_times(ended.output)
    assert set(was) <= set(now)
    assert len(now) == 2 * len(was) - 1
    assert np.all(np.diff([float(t) for t in now]) > 0)
