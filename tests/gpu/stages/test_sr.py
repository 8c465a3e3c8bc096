"""Frames become larger, by a factor or to a height, in order and with their times."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from enhance.engines import open_compute
from enhance.engines.seam import Compute
from enhance.errors import BadInputError
from enhance.frames import Frame
from enhance.nets.choice import CLEAN_FROM, sr_net
from enhance.spec import SuperResolution, Weights
from enhance.stages import sr
from tests.gpu import random_weights as weights
from tests.gpu.pictures import facts, frames, planes


@pytest.fixture(scope="module")
def compute() -> Compute:
    return open_compute("cpu", "fp32", threads=1)


def _file(tmp_path: Path, state: weights.State) -> Weights:
    file = weights.saved(tmp_path / "own.safetensors", state)
    return Weights(uri=str(file), sha256=hashlib.sha256(file.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    ("step", "size"),
    [
        ({}, (124, 94)),
        ({"scale": 2}, (124, 94)),
        ({"scale": 3}, (186, 142)),
        ({"scale": 4}, (248, 188)),
        ({"height": 60}, (80, 60)),
        ({"height": 101}, (134, 102)),
        ({"height": 30}, (40, 30)),
        ({"height": 47}, (62, 48)),
    ],
)
def test_sizes_are_those_asked_in_whole_chroma_samples(
    step: dict[str, int], size: tuple[int, int], compute: Compute
) -> None:
    stage = sr.build(SuperResolution(**step), facts(62, 47), compute)  # pyright: ignore

    results = list(stage.frames(frames(facts(62, 47), 5)))

    assert (stage.facts.width, stage.facts.height) == size
    assert [frame.pts for frame in results] == [0, 40, 80, 120, 160]
    for frame in results:
        assert [plane.shape for plane in frame.planes] == [
            (size[1], size[0]),
            (size[1] // 2, size[0] // 2),
            (size[1] // 2, size[0] // 2),
        ]


@pytest.mark.parametrize("rotation", [90, 270])
def test_a_height_is_that_of_the_upright_picture(rotation: int, compute: Compute) -> None:
    phone = replace(facts(64, 36), rotation=rotation)

    stage = sr.build(SuperResolution(height=128), phone, compute)

    assert (stage.facts.width, stage.facts.height) == (128, 72)


def test_the_ranges_between_passes_agree_with_opencv(compute: Compute, tmp_path: Path) -> None:
    """x3 with a net that adds nothing: as bicubic x4 brought down by area."""
    stream = facts(60, 44, "gray")
    step = SuperResolution(scale=3, model=_file(tmp_path, weights.silent_luma()))

    (frame,) = sr.build(step, stream, compute).frames(frames(stream, 1))

    large = planes(stream)[0].astype(np.float32)
    for _ in range(2):
        large = cv2.resize(large, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    expected = cv2.resize(large, (180, 132), interpolation=cv2.INTER_AREA)
    assert np.abs(expected - frame.planes[0]).max() <= 3


@pytest.mark.parametrize("step", [{"scale": 3}, {"height": 30}, {"height": 40}])
def test_chroma_keeps_its_place_when_brought_to_a_size(
    step: dict[str, int], compute: Compute, tmp_path: Path
) -> None:
    """A ramp across: left-sited chroma sample i stands at luma 2i + 1/2, before and after."""
    stream = facts(64, 48, "yuv420p", 12)
    ramp = np.tile(np.arange(32, dtype=np.uint16) * 64 + 960, (24, 1))
    frame = Frame((np.full((48, 64), 1440, np.uint16), ramp, ramp), 0, 1)
    step_ = SuperResolution(**step, model=_file(tmp_path, weights.silent_luma()))  # pyright: ignore

    (result,) = sr.build(step_, stream, compute).frames([frame])

    chroma = result.planes[1]
    ratio = 64 / result.planes[0].shape[1]
    at = ((2 * np.arange(chroma.shape[1]) + 0.5) * ratio - 0.5) / 2
    expected = 960 + 64 * at
    difference = (chroma[5] - expected)[4:-4]
    # Averages over areas stand up to a tenth of a sample (64) off their centres, either way.
    assert np.abs(difference).max() <= 6.4
    assert abs(difference.mean()) <= 1


def test_the_model_is_chosen_by_bits_per_pixel(compute: Compute) -> None:
    stream = facts(64, 48)
    for bits, name in ((0.0, "codec"), (CLEAN_FROM / 2, "codec"), (CLEAN_FROM, "clean")):
        net, why = sr_net("auto", replace(stream, bits_per_pixel=bits))

        assert net.name == f"luma-x2-{name}"
        assert net.name in why


def test_weights_of_ones_own_are_named_in_the_notes(compute: Compute, tmp_path: Path) -> None:
    model = _file(tmp_path, weights.compact(4))

    stage = sr.build(SuperResolution(scale=2, model=model), facts(32, 24), compute)

    assert (stage.facts.width, stage.facts.height) == (64, 48)
    assert stage.notes[0] == f"model of one's own: compact x4, sha256 {model.sha256[:12]}"
    assert [frame.planes[0].shape for frame in stage.frames(frames(facts(32, 24), 2))] == [
        (48, 64)
    ] * 2


def test_weights_elsewhere_and_1x_nets_are_refused(compute: Compute, tmp_path: Path) -> None:
    remote = Weights(uri="s3://bucket/net.pth", sha256="0" * 64)
    with pytest.raises(BadInputError) as caught:
        sr.build(SuperResolution(model=remote), facts(32, 24), compute)
    assert caught.value.code == "weights_remote"

    with pytest.raises(BadInputError) as caught:
        model = _file(tmp_path, weights.compact(1))
        sr.build(SuperResolution(model=model), facts(32, 24), compute)
    assert caught.value.code == "model_scale"


def test_a_reader_that_stops_early_leaves_nothing_running(compute: Compute) -> None:
    stream = facts(64, 48)
    flow = sr.build(SuperResolution(), stream, compute).frames(iter(frames(stream, 6)))

    first = next(flow)
    flow.close()  # pyright: ignore

    assert first.pts == 0
    assert list(flow) == []


def test_a_factor_and_a_height_are_refused_together(compute: Compute) -> None:
    with pytest.raises(BadInputError) as caught:
        sr.build(SuperResolution(scale=2, height=720), facts(62, 47), compute)
    assert caught.value.code == "bad_spec"


def test_the_narrowest_picture_keeps_a_column() -> None:
    assert sr.target(SuperResolution(height=16), facts(1, 200, "gray")) == (1, 16)
