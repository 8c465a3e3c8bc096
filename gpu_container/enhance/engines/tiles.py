"""Runs a graph on whole frames, or in parts when memory is short: the result is the same.

A part is cut out with as much around it as the net looks at, so that each of its pixels comes out
as in the whole. When memory runs out the part is halved and the frame is done again: no frame is
ever dropped, and later frames start with what fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from enhance.engines.seam import Pending, PlaneGraph, PlanePort
from enhance.errors import OutOfMemoryError
from enhance.frames import Plane

SMALLEST = 32
"""Rows or columns of a part, without what is around it, below which no part is halved."""

Part = tuple[slice, slice]


class EngineMemoryError(Exception):
    """The engine ran out of memory on this size; a smaller one may fit."""


class Engine(Protocol):
    """A graph on planes of exactly the sizes it takes."""

    depth: int

    def start(self, planes: Sequence[Plane]) -> Pending:
        """Begin; here or in the result, `EngineMemoryError` when memory runs out."""
        ...


class TiledRunner:
    """See `Runner`."""

    def __init__(self, engine: Engine, graph: PlaneGraph) -> None:
        self._engine = engine
        self._graph = graph
        self._tile: tuple[int, int] | None = None
        self.depth = engine.depth

    @property
    def tile(self) -> tuple[int, int] | None:
        """Height and width of the parts, in luma samples of the source; None: whole frames."""
        return self._tile

    def start(self, planes: Sequence[Plane]) -> Pending:
        """Begin a frame."""
        pending = None
        taken = planes[: len(self._graph.inputs)]
        padded = self._padded(taken)
        if self._tile is None:
            try:
                pending = self._engine.start(padded)
            except EngineMemoryError:
                self.shrink(padded[0])
        sizes = [self._size(port, *planes[0].shape) for port in self._graph.outputs]
        return _Tiled(self, padded, pending, sizes, planes[len(taken) :])

    def in_parts(self, planes: Sequence[Plane]) -> tuple[Plane, ...]:
        """Do a padded frame part by part, in smaller parts when it must be.

        Raises:
            OutOfMemoryError: `smallest_tile`.
        """
        while True:
            try:
                return self._parts(planes)
            except EngineMemoryError:
                self.shrink(planes[0])

    def _parts(self, planes: Sequence[Plane]) -> tuple[Plane, ...]:
        ports = self._graph.outputs
        height, width = planes[0].shape
        tile = self._tile or (height, width)
        results: list[NDArray[Any]] = []
        for part in _grid(height, width, tile):
            around = (
                self._window(part[0], height, tile[0]),
                self._window(part[1], width, tile[1]),
            )
            cut = [
                plane[_scaled(around[0], 1, port.sub_h), _scaled(around[1], 1, port.sub_w)]
                for plane, port in zip(planes, self._graph.inputs, strict=True)
            ]
            done = self._engine.start(cut).result()
            if not results:
                results = [
                    np.empty(self._size(port, height, width), plane.dtype)
                    for port, plane in zip(ports, done, strict=True)
                ]
            for result, plane, port in zip(results, done, ports, strict=True):
                self._place(result, plane, port, part, around)
        return tuple(results)

    def _place(
        self, result: Plane, plane: Plane, port: PlanePort, part: Part, around: Part
    ) -> None:
        scale = self._graph.scale
        rows, cols = (
            _scaled(slice(p.start - a.start, p.stop - a.start), scale, sub)
            for p, a, sub in zip(part, around, (port.sub_h, port.sub_w), strict=True)
        )
        to = _scaled(part[0], scale, port.sub_h), _scaled(part[1], scale, port.sub_w)
        result[to] = plane[rows, cols]

    def _window(self, part: slice, size: int, tile: int) -> slice:
        """What a part is computed from: it and its surroundings, always as long as for all others.

        One size means that engines which prepare themselves for a size do it once.
        """
        halo = _up(self._graph.radius, self._graph.align)
        length = min(tile + 2 * halo, size)
        start = min(max(part.start - halo, 0), size - length)
        return slice(start, start + length)

    def shrink(self, luma: Plane) -> None:
        """Halve the longer side of the parts.

        Raises:
            OutOfMemoryError: They are as small as they get.
        """
        height, width = self._tile or luma.shape
        height, width = min(height, luma.shape[0]), min(width, luma.shape[1])
        if max(height, width) <= SMALLEST:
            raise OutOfMemoryError(
                "smallest_tile",
                f"{self._graph.name} does not fit into memory even on {width}x{height} pixels at a"
                " time: give the task more memory, or take a smaller model",
            )
        if height >= width:
            height = _up(height // 2, self._graph.align)
        else:
            width = _up(width // 2, self._graph.align)
        self._tile = height, width

    def _padded(self, planes: Sequence[Plane]) -> tuple[Plane, ...]:
        """Repeat the last row and column until the size is one that the graph takes."""
        height, width = (_up(size, self._graph.align) for size in planes[0].shape)
        padded: list[NDArray[Any]] = []
        for plane, port in zip(planes, self._graph.inputs, strict=True):
            more = height // port.sub_h - plane.shape[0], width // port.sub_w - plane.shape[1]
            if any(more):
                padded.append(np.pad(plane, [(0, more[0]), (0, more[1])], mode="edge"))
            else:
                padded.append(plane)
        return tuple(padded)

    def _size(self, port: PlanePort, height: int, width: int) -> tuple[int, int]:
        scale = self._graph.scale
        return -(-height * scale // port.sub_h), -(-width * scale // port.sub_w)


class _Tiled:
    def __init__(
        self,
        runner: TiledRunner,
        planes: Sequence[Plane],
        pending: Pending | None,
        sizes: list[tuple[int, int]],
        rest: Sequence[Plane],
    ) -> None:
        self._runner = runner
        self._planes = planes
        self._pending = pending
        self._sizes = sizes
        self._rest = rest

    def result(self) -> tuple[Plane, ...]:
        planes = None
        if self._pending is not None:
            try:
                planes = self._pending.result()
            except EngineMemoryError:
                if self._runner.tile is None:  # else a frame before this one has learnt it
                    self._runner.shrink(self._planes[0])
        if planes is None:
            planes = self._runner.in_parts(self._planes)
        sized = zip(planes, self._sizes, strict=True)
        return (*(plane[:height, :width] for plane, (height, width) in sized), *self._rest)


def _grid(height: int, width: int, tile: tuple[int, int]) -> Iterator[Part]:
    for top in range(0, height, tile[0]):
        for left in range(0, width, tile[1]):
            yield slice(top, min(top + tile[0], height)), slice(left, min(left + tile[1], width))


def _up(size: int, to: int) -> int:
    return -(-size // to) * to


def _scaled(part: slice, scale: int, sub: int) -> slice:
    return slice(part.start * scale // sub, part.stop * scale // sub)
