"""Clips decode to exactly what was asked for."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from local.simulators.clips import ClipSpec, ClipStudio, draw_clip, frame_size


def _spec(width: int = 256, height: int = 144, frames: int = 73, audio: bool = True) -> ClipSpec:
    return ClipSpec(width, height, frames, audio, prompt="a kite over the sea", title="model-x")


@pytest.mark.parametrize(
    ("resolution", "ratio", "size"),
    [
        ("720p", "16:9", (1280, 720)),
        ("1080p", "9:16", (1080, 1920)),
        ("4k", "16:9", (3840, 2160)),
        ("720p", "1:1", (720, 720)),
    ],
)
def test_frame_size_is_exact_when_resolution_and_ratio_are_given(
    resolution: str, ratio: str, size: tuple[int, int]
) -> None:
    assert frame_size(resolution, ratio) == size


@pytest.mark.parametrize("audio", [True, False])
def test_clip_has_the_tracks_asked_for_when_decoded(audio: bool) -> None:
    content = draw_clip(_spec(audio=audio))

    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0]
        decoded = list(container.decode(video=0))
        assert (video.codec_context.name, video.width, video.height) == ("h264", 256, 144)
        assert video.average_rate == 24
        assert len(decoded) == 73
        assert video.duration * video.time_base == Fraction(73, 24)
        assert len(container.streams.audio) == int(audio)


def test_clip_sounds_and_moves_when_it_is_played() -> None:
    content = draw_clip(_spec(frames=48))

    with av.open(io.BytesIO(content)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    with av.open(io.BytesIO(content)) as container:
        samples = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
        assert container.streams.audio[0].codec_context.name == "aac"
    assert np.abs(frames[40].astype(int) - frames[4].astype(int)).max() > 100
    assert 0.05 < float(np.abs(samples).max()) < 0.3
    assert samples.shape[1] == pytest.approx(2 * 48_000, abs=2048)


def test_clip_index_comes_first_when_a_player_streams_it() -> None:
    content = draw_clip(_spec(frames=12))

    assert content[4:8] == b"ftyp"
    assert content.index(b"moov") < content.index(b"mdat")


def test_studio_draws_once_when_the_spec_is_the_same() -> None:
    studio = ClipStudio()

    first = studio.clip(_spec(frames=6))

    assert studio.clip(_spec(frames=6)) is first
    assert studio.clip(_spec(frames=7)) != first


def test_frame_shows_the_input_image_when_there_is_one(png) -> None:
    spec = ClipSpec(64, 64, 2, False, prompt="", title="", image=png(64, 64))

    with av.open(io.BytesIO(draw_clip(spec))) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")

    red, green, blue = frame[63, 63].astype(int)
    assert red < 40 and abs(green - 128) < 30 and abs(blue - 128) < 30
