"""When pictures are shown: median interval, gaps, order. Constant memory, whatever the length."""

from __future__ import annotations

import heapq
from collections import Counter

from enhance.analysis.results import Span, Spans, Timing
from enhance.analysis.spans import KEPT

GAP_MEDIANS = 3.0
"""An interval of over this many medians is a gap: interpolation does not cross it either."""
_BIN_S = 0.0001
_LAST_BIN = 100_000
"""Intervals are counted in bins of 0.1 ms; all from 10 s on share the last bin."""
_TALLIED_GAPS = 10 * KEPT


class TimingMeter:
    """Takes the pictures' times in the order in which the decoder gives them."""

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self._longest: list[tuple[float, float]] = []
        self._frames = 0
        self._start_s = 0.0
        self._last_s = 0.0
        self._last_duration_s = 0.0
        self._not_increasing = 0

    def add(self, at_s: float, duration_s: float) -> None:
        """Count a picture shown at `at_s`."""
        if self._frames == 0:
            self._start_s = self._last_s = at_s
        elif at_s <= self._last_s:
            self._not_increasing += 1
        else:
            self._interval(at_s - self._last_s)
        self._frames += 1
        self._last_s = max(self._last_s, at_s)
        self._last_duration_s = duration_s

    def _interval(self, length_s: float) -> None:
        self._bins[min(round(length_s / _BIN_S), _LAST_BIN)] += 1
        entry = (length_s, self._last_s)
        if len(self._longest) < _TALLIED_GAPS:
            heapq.heappush(self._longest, entry)
        else:
            heapq.heappushpop(self._longest, entry)

    def result(self, damaged_packets: int, corrupt_frames: int) -> Timing:
        """Return the times of all pictures that were added."""
        median_s = self._median_s()
        end_s = self._last_s + (self._last_duration_s or median_s)
        return Timing(
            frames=self._frames,
            start_s=round(self._start_s, 4),
            end_s=round(end_s, 4),
            duration_s=round(end_s - self._start_s, 4),
            interval_s=round(median_s, 4),
            variable=self._variable(median_s),
            not_increasing=self._not_increasing,
            gaps=self._gaps(median_s),
            damaged_packets=damaged_packets,
            corrupt_frames=corrupt_frames,
        )

    def _median_s(self) -> float:
        half = self._bins.total() / 2
        seen = 0
        for key in sorted(self._bins):
            seen += self._bins[key]
            if seen >= half:
                return key * _BIN_S
        return 0.0

    def _variable(self, median_s: float) -> bool:
        off = sum(n for key, n in self._bins.items() if abs(key * _BIN_S - median_s) > median_s / 5)
        return off * 20 > self._bins.total()

    def _gaps(self, median_s: float) -> Spans:
        """Exact for the thousand longest; a file with more gaps is variable, not gapped."""
        found = sorted(
            (start_s, length_s)
            for length_s, start_s in self._longest
            if length_s > GAP_MEDIANS * median_s
        )
        return Spans(
            count=len(found),
            total_s=round(sum(length for _, length in found), 4),
            longest_s=round(max((length for _, length in found), default=0.0), 4),
            spans=[Span(start_s=round(s, 4), end_s=round(s + n, 4)) for s, n in found[:KEPT]],
        )
