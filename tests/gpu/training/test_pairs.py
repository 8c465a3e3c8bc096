import numpy as np
import pytest
from PIL import Image

from enhance.training.drawings import DRAWINGS, SIZE
from enhance.training.pairs import Corpus, ranged, shrunk
from enhance.training.recipe import RECIPES, Recipe


def _ramp(scale: int) -> tuple[np.ndarray, np.ndarray]:
    """A pair whose small pixel (y, x) says where it lies, and so does each of its large ones."""
    y, x = np.mgrid[0:15, 0:15]
    small = (16 * y + x).astype(np.uint8)
    return small, np.kron(small, np.ones((scale, scale), np.uint8))


@pytest.mark.parametrize("scale", [1, 2])
def test_a_batch_keeps_small_and_large_in_place_when_turned_and_mirrored(scale: int) -> None:
    recipe = Recipe("x", scale=scale, variant="clean", steps=1, batch=64, patch=6)
    corpus = Corpus(([_ramp(scale)], [_ramp(scale)]), recipe)

    small, large = corpus.batch(3)

    assert small.shape == (64, 1, 6, 6)
    assert large.shape == (64, 1, 6 * scale, 6 * scale)
    assert (large[:, :, ::scale, ::scale] == small).all()
    assert len({patch.tobytes() for patch in small}) > 32


def test_a_batch_depends_on_its_step_alone() -> None:
    corpus = Corpus(([_ramp(2)], [_ramp(2)]), Recipe("x", 2, "clean", steps=9, patch=4))

    later = corpus.batch(7)
    corpus.batch(0)

    assert all((a == b).all() for a, b in zip(later, corpus.batch(7), strict=True))
    assert (corpus.batch(0)[0] != later[0]).any()


@pytest.mark.parametrize("draw", DRAWINGS, ids=lambda draw: draw.__name__)
def test_a_drawing_is_the_same_when_the_generator_is(draw) -> None:
    first, again, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert first.shape == SIZE[::-1]
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()
    assert first.std() > 5


def test_shrinking_keeps_the_mean_and_the_middle() -> None:
    picture = np.zeros((64, 96), np.uint8)
    picture[24:40, 40:56] = 200

    small = shrunk(picture, 2, Image.Resampling.BICUBIC)

    assert small.shape == (32, 48)
    assert abs(float(small.mean()) - float(picture.mean())) < 0.5
    assert (small == small[::-1, ::-1]).all()


def test_pictures_come_in_both_ranges() -> None:
    white = np.full((2, 2), 255, np.uint8)
    rng = np.random.default_rng(0)

    assert {int(ranged(white, rng).max()) for _ in range(60)} == {235, 255}


def test_every_shipped_name_says_its_scale_and_variant() -> None:
    for name, recipe in RECIPES.items():
        assert name == f"luma-x{recipe.scale}-{recipe.variant}" == recipe.model


def test_a_recipe_is_refused_when_a_number_is_senseless() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Recipe("x", 2, "clean", steps=0)
