"""The shipped files, measured again as they run here: shorter clips, the goals of the gate."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from enhance.nets.load import shipped_names, shipped_net
from enhance.training import gate
from enhance.training.clips import cartoon, halved, pan
from enhance.training.photos import HELD_OUT, Luma, photographs
from enhance.training.recipe import RECIPES

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "gpu_container" / "enhance" / "nets" / "shipped"


@cache
def _photos() -> list[Luma]:
    """The gate's own, in its order."""
    return [luma for _, luma in photographs(HELD_OUT)]


def _file(name: str) -> Path:
    return SHIPPED / f"{name}.safetensors"


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_net_reaches_its_goals(name: str) -> None:
    recipe = RECIPES[name]

    figures = gate.measure(gate.at_work(_file(name)), recipe.scale, _photos())

    assert [str(one) for one in gate.missed(recipe.variant, figures)] == []
    worst = gate.CRFS[recipe.scale][-1]
    for clip in ("pan", "drawn"):
        assert figures[f"{clip}_flicker_crf{worst}"] < 0  # less of it than before


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_file_says_how_it_came_about_and_what_it_reached(name: str) -> None:
    header = shipped_net(name).details
    told = {key[5:]: float(value) for key, value in header.items() if key.startswith("gate.")}

    assert set(shipped_names()) == set(RECIPES)
    for field, value in RECIPES[name].record().items():
        assert header[field] == value
    assert header["architecture"] == "luma"
    assert header["trained"].startswith("torch ")
    assert gate.missed(RECIPES[name].variant, told) == []


@pytest.mark.parametrize("kernel", [Image.Resampling.BICUBIC, Image.Resampling.BOX])
@pytest.mark.parametrize("name", ["luma-x2-clean", "luma-x2-codec"])
def test_type_comes_out_nearer_and_rings_less_than_bicubic(
    name: str, kernel: Image.Resampling
) -> None:
    page = _page()
    small = np.asarray(Image.fromarray(page).resize((160, 96), kernel))
    net, bicubic = gate.at_work(_file(name))(small), gate.plain(small, 2)

    assert gate.psnr([net], [page]) > gate.psnr([bicubic], [page]) + 0.5
    assert _overshoot(net, page) < _overshoot(bicubic, page)


def _page() -> Luma:
    """Dark type on light paper, and light on dark."""
    image = Image.new("L", (320, 192), 225)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 96, 320, 192), fill=35)
    for row, size in enumerate((12, 16, 24, 12, 16, 24)):
        font = ImageFont.load_default(size)
        draw.text((6, 4 + 32 * row), "The quick brown fox, 1234567", 40 if row < 3 else 220, font)
    return np.asarray(image)


def _overshoot(picture: Luma, truth: Luma) -> float:
    """How far pixels lie beyond all that the truth has near them, in the mean."""
    near = np.ones((9, 9), np.uint8)
    above = picture.astype(int) - cv2.dilate(truth, near)
    below = cv2.erode(truth, near).astype(int) - picture
    return float((above.clip(0) + below.clip(0)).mean())


def test_a_net_that_changes_nothing_gains_nothing() -> None:
    figures = gate.measure(lambda luma: gate.plain(luma, 2), 2, _photos()[:2], frames=2)

    assert figures
    assert set(figures.values()) == {0.0}
    assert len(gate.missed("clean", figures)) == len(gate.GOALS["clean"])


def test_a_figure_that_lacks_is_missed() -> None:
    good = dict.fromkeys(gate.GOALS["codec"], 50.0)

    assert gate.missed("codec", good) == []
    lacking = gate.missed("codec", {"pan_neg_crf12": 5.9})

    assert {one.name for one in lacking} == set(good)
    assert "pan_neg_crf12 gains 5.90, 6.00 is asked" in map(str, lacking)


def test_clips_move_and_are_in_video_range() -> None:
    for clip in (pan(_photos(), 3), cartoon(4)):
        assert all(frame.shape == (288, 512) for frame in clip)
        assert min(frame.min() for frame in clip) >= 16
        assert max(frame.max() for frame in clip) <= 235
        assert all((one != two).any() for one, two in pairwise(clip))
        assert halved(clip[0]).shape == (144, 256)
