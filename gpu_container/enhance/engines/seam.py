"""The seam between stages and engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import onnx

from enhance.frames import Plane

Device = Literal["auto", "cuda", "cpu"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class PlanePort:
    """One plane that goes into a graph or comes out of it."""

    name: str
    sub_h: int = 1
    """How many rows of luma share a row of this plane."""
    sub_w: int = 1


@dataclass(frozen=True)
class PlaneGraph:
    """An ONNX graph from the planes of a frame to the planes of a frame.

    Inputs are (1, 1, height, width), uint8 or uint16, of any size: height and width are symbols.
    Outputs are (1, height, width, block²), for `layout.laid_out` to make planes of.
    """

    name: str
    model: onnx.ModelProto
    inputs: tuple[PlanePort, ...]
    outputs: tuple[PlanePort, ...]
    scale: int
    """How many times larger the planes come out, each way."""
    block: int
    """Edge of the block of samples that an output gives at each place."""
    radius: int
    """How far a pixel of the result looks, in luma samples of the source: a part of the picture
    with that much around it comes out exactly as the whole."""
    align: int
    """Parts start and end at multiples of this, in luma samples of the source."""
    half: bool = True
    """Whether the net keeps its quality in half precision."""
    module: Any = field(default=None, repr=False, compare=False)
    """A torch module that the graph's node `Module` stands for: torch alone can run it."""


class Pending(Protocol):
    """A frame that is being worked on."""

    def result(self) -> tuple[Plane, ...]:
        """Wait, and give the planes of the result, which nobody else writes to.

        Raises:
            OutOfMemoryError: The smallest tile does not fit.
        """
        ...


class Runner(Protocol):
    """A graph, ready to run on any size of frame."""

    depth: int
    """How many frames are worth having in flight: start so many before asking for a result."""

    def start(self, planes: Sequence[Plane]) -> Pending:
        """Begin a frame. The planes stay untouched, and must stay alive until the result.

        Planes beyond those that the graph takes come back as they are.
        """
        ...


class Compute(Protocol):
    """A device with an engine, open for the whole process."""

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """Where the nets run."""
        ...

    @property
    def name(self) -> str:
        """Of the processor, for reports."""
        ...

    @property
    def engine(self) -> Literal["openvino", "onnxruntime", "torch"]:
        """What runs them."""
        ...

    @property
    def precision(self) -> Literal["fp32", "bf16", "fp16"]:
        """What the convolutions are computed in. Everything around them is fp32."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """For the report: what was chosen, and why."""
        ...

    def load(self, graph: PlaneGraph) -> Runner:
        """Make the graph ready. Cheap; what depends on the frame's size happens at its first."""
        ...
