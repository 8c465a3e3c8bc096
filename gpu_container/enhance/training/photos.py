"""Photographs that ordinary Python wheels bring along, as luma."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Luma = NDArray[np.uint8]
"""(height, width), full range: 0 is black, 255 white."""

_SKIMAGE = "skimage/data"
_SKLEARN = "sklearn/datasets/images"
_MATPLOTLIB = "matplotlib/mpl-data/sample_data"
TRAIN = {
    _SKIMAGE: (
        "astronaut.png brick.png camera.png cell.png clock_motion.png color.png grass.png "
        "gravel.png hubble_deep_field.jpg ihc.png logo.png moon.png motorcycle_left.png "
        "motorcycle_right.png page.png retina.jpg text.png"
    ).split(),
    _SKLEARN: ["flower.jpg"],
    _MATPLOTLIB: ["grace_hopper.jpg", "logo2.png"],
}
HELD_OUT = {
    _SKIMAGE: ["coffee.png", "chelsea.png", "rocket.jpg", "coins.png"],
    _SKLEARN: ["china.jpg"],
}
"""Never trained on: the gate measures with them."""


def photographs(files: dict[str, list[str]]) -> Iterator[tuple[str, Luma]]:
    """Yield name and luma of each, in the order given.

    Raises:
        FileNotFoundError: as `paths` does.
    """
    for path in paths(files):
        yield path.stem, _luma(path)


def paths(files: dict[str, list[str]]) -> Iterator[Path]:
    """Yield where each lies, in the order given.

    Raises:
        FileNotFoundError: a wheel of `requirements/train.in` is missing.
    """
    for folder, names in files.items():
        package, _, inside = folder.partition("/")
        spec = find_spec(package)  # its files only: importing scikit-image takes seconds
        if spec is None or spec.origin is None:
            raise FileNotFoundError(f"{package} is not installed: `make install-torch` does it")
        for name in names:
            yield Path(spec.origin).parent / inside / name


def _luma(path: Path) -> Luma:
    with Image.open(path) as image:
        if image.mode in ("RGBA", "LA", "P"):  # on white, as a page shows it
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        return np.asarray(image.convert("L"))  # BT.601 weights
