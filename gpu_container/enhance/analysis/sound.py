"""Loudness and silence of an audio stream, by FFmpeg's ebur128 filter, as the samples pass."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import BlockingIOError as NothingYetError
from av.error import EOFError as NothingMoreError
from av.error import FFmpegError
from av.filter import Graph

from enhance.analysis.results import Sound
from enhance.analysis.spans import SpanCollector

SILENT_DBFS: Final = -60.0
SILENT_S: Final = 0.5
_GATE_LUFS: Final = -70.0
"""EBU R128's absolute gate: the filter says about this where nothing was heard."""


class SoundMeter:
    """Takes the decoded frames of one audio stream."""

    def __init__(self, stream: AudioStream) -> None:
        self._stream = stream
        self._graph: Any = None
        self._silent = SpanCollector(SILENT_S)
        self._start_s: float | None = None
        self._end_s = 0.0
        self._measures: dict[str, str] = {}
        self.damaged_packets = 0

    def add(self, frame: AudioFrame) -> None:
        """Measure one frame; one whose form the filter refuses counts as damaged."""
        try:
            if self._graph is None:
                self._graph = _loudness_graph(frame)
            self._graph.push(frame)
            self._drain()
        except (FFmpegError, ValueError):
            self.damaged_packets += 1

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (NothingYetError, NothingMoreError):
                return
            self._note(frame)

    def _note(self, frame: Any) -> None:
        # every frame that leaves carries the measures up to its end
        self._measures.update(frame.metadata)
        start_s = self._end_s if frame.pts is None else float(frame.pts * frame.time_base)
        end_s = start_s + frame.samples / frame.sample_rate
        if self._start_s is None:
            self._start_s = start_s
        self._end_s = end_s
        samples = frame.to_ndarray()
        power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
        if power <= 10 ** (SILENT_DBFS / 10):
            self._silent.mark(start_s, end_s)
        else:
            self._silent.pause()

    def result(self) -> Sound:
        """Return the measures of all frames that were added."""
        if self._graph is not None:
            try:
                self._graph.push(None)
                self._drain()
            except (FFmpegError, ValueError):
                self.damaged_packets += 1
        codec = self._stream.codec_context
        integrated = self._number("I")
        heard = integrated is not None and integrated > _GATE_LUFS
        return Sound(
            index=self._stream.index,
            codec=codec.name,
            sample_rate_hz=codec.sample_rate or 0,
            channels=codec.layout.nb_channels,
            start_s=round(self._start_s or 0.0, 4),
            end_s=round(self._end_s, 4),
            integrated_lufs=integrated if heard else None,
            range_lu=self._number("LRA") if heard else None,
            true_peak_dbtp=_decibels(self._number("true_peak")),
            silent=self._silent.result(),
            damaged_packets=self.damaged_packets,
        )

    def _number(self, name: str) -> float | None:
        text = self._measures.get(f"lavfi.r128.{name}")
        value = float(text) if text else math.nan
        return value if math.isfinite(value) else None


def _loudness_graph(frame: AudioFrame) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format.name,
        layout=frame.layout.name,
        time_base=frame.time_base or Fraction(1, frame.sample_rate),
    )
    loudness = graph.add("ebur128", "metadata=1:peak=true")
    sink = graph.add("abuffersink")
    source.link_to(loudness)
    loudness.link_to(sink)
    graph.configure()
    return graph


def _decibels(amplitude: float | None) -> float | None:
    return round(20 * math.log10(amplitude), 2) if amplitude else None
