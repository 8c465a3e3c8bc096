"""The luma net in torch, for training: what `enhance.nets` runs elsewhere from the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from enhance.training.recipe import Recipe
from enhance.training.weights import Weights


class LumaNet(nn.Module):
    """3x3 convolutions with ReLU between; the last one's channels become the larger pixels.

    It gives what bicubic enlargement misses (at 1x: what the picture itself misses).
    """

    def __init__(self, features: int, depth: int, scale: int) -> None:
        super().__init__()
        widths = [1, *[features] * (depth + 1), scale * scale]
        self.conv = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.scale = scale
        for layer in self.conv:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """The residual, (batch, 1, height * scale, width * scale), of luma in [0, 1]."""
        value = luma
        for layer in self.conv[:-1]:
            value = torch.relu(layer(value))
        return nn.functional.pixel_shuffle(self.conv[-1](value), self.scale)


def base(luma: torch.Tensor, scale: int) -> torch.Tensor:
    """Bicubic enlargement in fp32 (a = -0.75, half-pixel centres, edges clamped)."""
    if scale == 1:
        return luma
    return nn.functional.interpolate(luma, scale_factor=scale, mode="bicubic", align_corners=False)


def build(recipe: Recipe) -> LumaNet:
    """A net with random weights: the same seed, the same weights."""
    torch.manual_seed(recipe.seed)
    net = LumaNet(recipe.features, recipe.depth, recipe.scale)
    with torch.no_grad():  # near the base, yet with a gradient for every layer
        net.conv[-1].weight.mul_(recipe.begin)
    return net.to(memory_format=torch.channels_last)


def to_arrays(state: Mapping[str, torch.Tensor]) -> Weights:
    """As the weights file holds them."""
    return {key: np.ascontiguousarray(value.float().cpu().numpy()) for key, value in state.items()}
