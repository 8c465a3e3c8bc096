"""Weights files, read as data: nothing in them is ever run.

`.safetensors` needs nothing else. `.pth` is a pickle: torch reads it with `weights_only`, which
knows tensors and plain containers, and refuses everything else.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from enhance.errors import BadInputError

Arrays = dict[str, NDArray[np.float32]]


def read(path: Path, sha256: str | None) -> tuple[Arrays, dict[str, str], str]:
    """Read a file after its checksum held: weights as float32, header, checksum.

    Raises:
        BadInputError: `weights_missing`, `weights_changed` (another checksum),
            `weights_unreadable`, `weights_need_torch`.
    """
    if not path.is_file():
        raise BadInputError("weights_missing", f"there is no weights file {path.name}")
    found = _digest(path)
    if sha256 is not None and found != sha256:
        raise BadInputError(
            "weights_changed",
            f"{path.name} has sha256 {found}, the spec says {sha256}: name the file you mean",
        )
    if path.suffix == ".safetensors":
        arrays, header = _safetensors(path)
    else:
        arrays, header = _pickled(path), {}
    return arrays, header, found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _safetensors(path: Path) -> tuple[Arrays, dict[str, str]]:
    try:
        with safe_open(str(path), "numpy") as file:
            arrays = {key: _float32(file.get_tensor(key)) for key in file.keys()}
            return arrays, dict(file.metadata() or {})
    except (SafetensorError, TypeError, ValueError, OSError) as exc:
        raise _unreadable(path, "not a safetensors file") from exc


def _pickled(path: Path) -> Arrays:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError as exc:
        raise BadInputError(
            "weights_need_torch",
            f"{path.name} is a pickle, which only torch reads: install torch, or save the weights"
            " as .safetensors",
        ) from exc
    try:
        with warnings.catch_warnings():
            # It warns of pickles that it then refuses.
            warnings.simplefilter("ignore")
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:
        # What a hostile file makes of a parser's exceptions is open; none of it is ours.
        raise _unreadable(path, "torch refuses it as weights") from exc
    state = _state_dict(loaded)
    if state is None:
        raise _unreadable(path, "it holds no state dict")
    return {key: _float32(value.float().numpy()) for key, value in state.items()}


def _state_dict(loaded: Any) -> Mapping[str, Any] | None:
    """Find the weights in a checkpoint: under the names that trainers use, or at the top."""
    if not isinstance(loaded, Mapping):
        return None
    for key in ("params_ema", "params", "state_dict", "model"):
        if isinstance(loaded.get(key), Mapping):
            return _state_dict(loaded[key])
    tensors = {str(key): value for key, value in loaded.items() if hasattr(value, "numpy")}
    return tensors or None


def _float32(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)


def _unreadable(path: Path, why: str) -> BadInputError:
    return BadInputError("weights_unreadable", f"{path.name}: {why}")
