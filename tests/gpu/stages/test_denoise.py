"""Frames become cleaner at the same size."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from enhance.engines import open_compute
from enhance.engines.seam import Compute
from enhance.errors import BadInputError
from enhance.nets import shipped_names
from enhance.spec import Denoise, Weights
from enhance.stages import denoise
from tests.gpu import random_weights as weights
from tests.gpu.pictures import facts, frames, furthest


@pytest.fixture(scope="module")
def compute() -> Compute:
    return open_compute("cpu", "fp32", threads=1)


def _file(tmp_path: Path, state: weights.State) -> Weights:
    file = weights.saved(tmp_path / "own.safetensors", state)
    return Weights(uri=file.as_uri(), sha256=hashlib.sha256(file.read_bytes()).hexdigest())


def test_a_luma_net_changes_luma_and_hands_chroma_on_untouched(
    compute: Compute, tmp_path: Path
) -> None:
    stream = facts(63, 47, "yuv420p", 10)
    sources = frames(stream, 3)

    stage = denoise.build(Denoise(model=_file(tmp_path, weights.luma(1))), stream, compute)
    results = list(stage.frames(sources))

    assert stage.facts == stream
    for one, other in zip(sources, results, strict=True):
        assert (one.pts, one.duration) == (other.pts, other.duration)
        assert other.planes[0].shape == one.planes[0].shape
        assert furthest(one.planes[0], other.planes[0]) > 0
        assert other.planes[1] is one.planes[1]
        assert other.planes[2] is one.planes[2]


def test_strength_is_a_mix(compute: Compute, tmp_path: Path) -> None:
    stream = facts(64, 48)
    model = _file(tmp_path, weights.luma(1))
    (source,) = frames(stream, 1)

    def cleaned(strength: float) -> np.ndarray:
        stage = denoise.build(Denoise(model=model, strength=strength), stream, compute)
        return next(iter(stage.frames([source]))).planes[0].astype(float)

    assert np.array_equal(cleaned(0), source.planes[0])
    assert np.abs(cleaned(0.5) - (cleaned(0) + cleaned(1)) / 2).max() <= 1


def test_nets_that_enlarge_are_refused(compute: Compute, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        denoise.build(Denoise(model=_file(tmp_path, weights.luma(2))), facts(64, 48), compute)

    assert caught.value.code == "model_scale"


@pytest.mark.skipif("luma-x1-deblock" not in shipped_names(), reason="not trained yet")
def test_the_shipped_net_is_taken_by_itself(compute: Compute) -> None:
    stage = denoise.build(Denoise(), facts(64, 48), compute)

    assert stage.notes == ("model luma-x1-deblock, strength 1",)
