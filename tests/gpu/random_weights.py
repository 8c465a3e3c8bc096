"""State dicts of every architecture, small and random: what a file of real weights looks like."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

State = dict[str, np.ndarray]
GAIN = 0.5
"""Small enough that pictures stay between black and white."""


class _Maker:
    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.state: State = {}

    def conv(self, name: str, source: int, to: int, size: int = 3, bias: float = 0.02) -> None:
        spread = GAIN / np.sqrt(source * size * size)
        weight = self._random.standard_normal((to, source, size, size)) * spread
        self.state[f"{name}.weight"] = weight.astype(np.float32)
        self.state[f"{name}.bias"] = (self._random.standard_normal(to) * bias).astype(np.float32)


def luma(scale: int = 2, depth: int = 2, features: int = 4, seed: int = 0) -> State:
    make = _Maker(seed)
    sizes = [1, *[features] * (depth + 1), scale * scale]
    for i, (source, to) in enumerate(pairwise(sizes)):
        make.conv(f"conv.{i}", source, to)
    return make.state


def silent_luma(scale: int = 2) -> State:
    """A net that adds nothing: what comes out is the base alone."""
    return {key: np.zeros_like(value) for key, value in luma(scale).items()}


def compact(scale: int = 2, hidden: int = 2, features: int = 6, seed: int = 0) -> State:
    make = _Maker(seed)
    sizes = [3, *[features] * (hidden + 1), 3 * scale * scale]
    for i, (source, to) in enumerate(pairwise(sizes)):
        make.conv(f"body.{2 * i}", source, to)
        if i < len(sizes) - 2:
            make.state[f"body.{2 * i + 1}.weight"] = np.full(features, 0.2, np.float32)
    return make.state


def rrdb(scale: int = 4, blocks: int = 1, features: int = 8, grow: int = 4, seed: int = 0) -> State:
    make = _Maker(seed)
    make.conv("conv_first", 3 * (4 // scale) ** 2, features)
    for i in range(blocks):
        for j in (1, 2, 3):
            for k in range(1, 6):
                to = grow if k < 5 else features
                make.conv(f"body.{i}.rdb{j}.conv{k}", features + (k - 1) * grow, to)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        make.conv(name, features, features)
    make.conv("conv_last", features, 3)
    make.state["conv_last.bias"] += np.float32(0.4)
    return make.state


def old_rrdb(blocks: int = 1, **sizes: int) -> State:
    """The same under the names of the first ESRGAN models."""
    names = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}", "conv_up1": "model.3"}
    names |= {"conv_up2": "model.6", "conv_hr": "model.8", "conv_last": "model.10"}
    state: State = {}
    for key, array in rrdb(blocks=blocks, **sizes).items():
        layer, part = key.rsplit(".", 1)
        if layer.startswith("body."):
            _, i, dense, conv = layer.split(".")
            layer = f"model.1.sub.{i}.{dense.upper()}.{conv}.0"
        state[f"{names.get(layer, layer)}.{part}"] = array
    return state


def span(scale: int = 2, features: int = 6, merged: bool = False, seed: int = 0) -> State:
    make = _Maker(seed)
    bundles = [("conv_1", 3)]
    bundles += [(f"block_{i}.c{j}_r", features) for i in range(1, 7) for j in (1, 2, 3)]
    bundles += [("conv_2", features)]
    for name, source in bundles:
        # Trained files hold the merged convolution too, of some step gone by: it must not be taken.
        make.conv(f"{name}.eval_conv", source, features)
        if merged:
            continue
        make.conv(f"{name}.sk", source, features, 1)
        make.conv(f"{name}.conv.0", source, 2 * source, 1)
        make.conv(f"{name}.conv.1", 2 * source, 2 * features)
        make.conv(f"{name}.conv.2", 2 * features, features, 1)
    make.conv("conv_cat", 4 * features, features, 1)
    make.conv("upsampler.0", features, 3 * scale * scale)
    make.state["upsampler.0.weight"] *= np.float32(0.01)
    make.state["upsampler.0.bias"] += np.float32(0.4)
    return make.state


def saved(path: Path, state: State) -> Path:
    save_file(state, str(path))
    return path
