"""Stretches of time, gathered from pictures or samples as they pass: constant memory."""

from __future__ import annotations

from enhance.analysis.results import Span, Spans

KEPT = 100
"""How many stretches are listed; all are counted."""


class SpanCollector:
    """Joins neighbouring marked pieces to stretches and keeps those that are long enough."""

    def __init__(self, least_s: float = 0.0) -> None:
        self._least_s = least_s
        self._open: tuple[float, float] | None = None
        self._count = 0
        self._total_s = 0.0
        self._longest_s = 0.0
        self._kept: list[Span] = []

    def mark(self, start_s: float, end_s: float) -> None:
        """Add a piece; one that touches the stretch before it makes it longer."""
        if self._open is None:
            self._open = (start_s, end_s)
        else:
            self._open = (self._open[0], max(self._open[1], end_s))

    def pause(self) -> None:
        """Say that what comes next is not marked."""
        if self._open is None:
            return
        start_s, end_s = self._open
        self._open = None
        length_s = end_s - start_s
        if length_s < self._least_s - 1e-9:
            return
        self._count += 1
        self._total_s += length_s
        self._longest_s = max(self._longest_s, length_s)
        if len(self._kept) < KEPT:
            self._kept.append(Span(start_s=round(start_s, 4), end_s=round(end_s, 4)))

    def result(self) -> Spans:
        """Return what was gathered, with the stretch that is still open."""
        self.pause()
        return Spans(
            count=self._count,
            total_s=round(self._total_s, 4),
            longest_s=round(self._longest_s, 4),
            spans=list(self._kept),
        )
