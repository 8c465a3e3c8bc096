"""A net: what is known of it, and its body as graph nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from enhance.graph import GraphWriter

State = Mapping[str, NDArray[np.float32]]
"""Weights by name, as the file has them."""

Body = Callable[[GraphWriter, str], str]
"""Adds the net's nodes behind a value (1, channels, h, w) in [0, 1], and names the result."""


@dataclass(frozen=True)
class Net:
    """A net with its weights."""

    architecture: str
    """`luma`, `compact`, `rrdb`, `span`."""
    scale: int
    colour: Literal["luma", "rgb"]
    """`luma`: one channel, and the result is a residual (scale² channels, not yet shuffled) on the
    bicubic enlargement. `rgb`: three channels in, the picture itself out."""
    radius: int
    """How far a pixel of the result looks, in pixels of the source."""
    multiple: int
    """Height and width must be multiples of this; the edge is repeated to get there."""
    half: bool
    """Whether half precision keeps its quality."""
    parameters: int
    body: Body = field(repr=False, compare=False)
    module: Any = field(default=None, repr=False, compare=False)
    """A torch module that `body` stands for, where the net is not a graph."""
    name: str = ""
    """Of the shipped net, or of the file."""
    sha256: str = ""
    """Of the file: part of what a chunk is known by."""
    details: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    """The file's own header: how it was trained, and how it did."""


def parameters(state: State) -> int:
    """Count the numbers in the weights."""
    return sum(int(array.size) for array in state.values())
