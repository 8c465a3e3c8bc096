"""Weights files: safetensors whose header says what the net is and how it came about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

Weights = dict[str, NDArray[np.float32]]
"""`conv.<i>.weight` (out, in, 3, 3) and `conv.<i>.bias` (out), i from 0."""


def save(path: Path, weights: Weights, header: dict[str, str]) -> None:
    """Write the file in one piece: there is the old one or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    save_file(weights, str(draft), metadata=header)
    draft.chmod(0o644)  # the library makes it its owner's alone; the image runs as another user
    draft.replace(path)


def load(path: Path) -> tuple[Weights, dict[str, str]]:
    """Read weights and header back."""
    with safe_open(str(path), "numpy") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})
