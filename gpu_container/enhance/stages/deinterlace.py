"""Makes whole frames of pairs of fields with FFmpeg's bwdif filter; one frame per pair, as shown.

bwdif estimates the missing lines of a frame from the frames before and after it, so each needs a
neighbour on both sides; at the ends of a file the frame itself stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from av.error import BlockingIOError as NothingYetError
from av.error import EOFError as NothingMoreError
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from enhance.engines import Compute
from enhance.frames import Frame, StreamFacts
from enhance.media.planes import to_video_frame, views
from enhance.spec import Deinterlace

_LEAST_ROWS, _LEAST_COLUMNS = 4, 3
"""bwdif refuses planes below this."""
_DEPTHS: Final = (8, 10, 12)


def build(step: Deinterlace, facts: StreamFacts, compute: Compute) -> FieldsToFrames:
    """Return the stage; it runs on the CPU whatever `compute` is."""
    return FieldsToFrames(step, facts)


class FieldsToFrames:
    """The stage."""

    before = 1
    after = 1

    def __init__(self, step: Deinterlace, facts: StreamFacts) -> None:
        self.facts = facts
        self._always = step.mode == "always"
        self._possible = _large_enough(facts)
        if not self._possible:
            size = f"{facts.width} x {facts.height}"
            self.notes = (f"deinterlace: left out, {size} is too small for fields",)
        elif self._always:
            self.notes = ("deinterlace: bwdif on every frame",)
        else:
            self.notes = ("deinterlace: bwdif on frames flagged as interlaced",)

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        """Yield as many frames as come in, at the same times; whole frames pass untouched."""
        run: _Run | None = None
        before: Frame | None = None
        for frame, after in _with_next(source):
            if not self._wanted(frame):
                run = None
                yield frame
            else:
                top_first = frame.top_field_first or not frame.interlaced
                if run is None or run.top_first != top_first:
                    run = _Run(self.facts, top_first, before)
                yield run.whole(frame, after)
            before = frame

    def _wanted(self, frame: Frame) -> bool:
        return self._possible and (self._always or frame.interlaced)


class _Run:
    """Neighbouring frames of one field order, through one filter graph."""

    def __init__(self, facts: StreamFacts, top_first: bool, before: Frame | None) -> None:
        self.top_first = top_first
        self._facts = facts
        self._graph: Any = _graph(facts, top_first)
        self._pushed: Frame | None = None
        if before is not None:
            # it is out already, and the encoder sets the time of the picture that holds it
            self._push(replace(before, owner=None))

    def whole(self, frame: Frame, after: Frame | None) -> Frame:
        """Return the frame without its comb; `after` is the one that is shown next."""
        if self._pushed is not frame:
            self._push(frame)
        if after is None:
            self._graph.push(None)
        else:
            self._push(after)
        for filtered in self._filtered():
            # the filter counts in half ticks
            if filtered.pts == 2 * frame.pts:
                return Frame(views(filtered), frame.pts, frame.duration, owner=filtered)
        raise RuntimeError(f"bwdif gave no frame for PTS {frame.pts}.")

    def _push(self, frame: Frame) -> None:
        self._graph.push(to_video_frame(frame, self._facts))
        self._pushed = frame

    def _filtered(self) -> Iterator[VideoFrame]:
        while True:
            try:
                yield self._graph.pull()
            except (NothingYetError, NothingMoreError):
                return


def _graph(facts: StreamFacts, top_first: bool) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=facts.width,
        height=facts.height,
        format=VideoFormat(facts.format),
        time_base=facts.time_base,
    )
    parity = "tff" if top_first else "bff"
    # which frames need it is decided here, frame by frame: inside, all do
    bwdif = graph.add("bwdif", f"mode=send_frame:parity={parity}:deint=all")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _large_enough(facts: StreamFacts) -> bool:
    rows = facts.height // (facts.chroma_h or 1)
    columns = facts.width // (facts.chroma_w or 1)
    return rows >= _LEAST_ROWS and columns >= _LEAST_COLUMNS


def _with_next(source: Iterable[Frame]) -> Iterator[tuple[Frame, Frame | None]]:
    iterator = iter(source)
    current = next(iterator, None)
    while current is not None:
        after = next(iterator, None)
        yield current, after
        current = after
