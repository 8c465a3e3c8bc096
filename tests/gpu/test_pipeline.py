from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from types import TracebackType

import numpy as np
import pytest

from enhance.errors import EnhanceError, InterruptedRunError
from enhance.frames import Frame, StreamFacts
from enhance.interruption import Interruption
from enhance.pipeline import Pipeline, StalledError, depth

FACTS = StreamFacts(
    width=4,
    height=2,
    format="gray",
    depth=8,
    chroma_w=0,
    chroma_h=0,
    time_base=Fraction(1, 25),
    rate=Fraction(25),
)
ALL = (0, 10**9)


class PassOn:
    facts = FACTS
    before = after = 0
    notes = ()

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        yield from source


class Double(PassOn):
    """A frame between each two."""

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        for frame in source:
            yield frame
            yield Frame(frame.planes, frame.pts + 1, 1)


class Sink:
    def __init__(self) -> None:
        self.pts: list[int] = []
        self.ended: str = "open"

    def __enter__(self) -> Sink:
        return self

    def write(self, frame: Frame) -> None:
        self.pts.append(frame.pts)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ended = "whole" if kind is None else "broken"


def film(count: int, step: int = 2) -> Iterator[Frame]:
    for n in range(count):
        yield Frame((np.zeros((2, 4), np.uint8),), n * step, step)


def threads_left() -> set[str]:
    return {t.name for t in threading.enumerate()} & {"decode", "stages", "encode"}


def test_every_frame_passes_in_order() -> None:
    sink = Sink()
    passed = Pipeline([PassOn(), Double()], sink, ALL).run(film(50), Interruption())
    assert sink.pts == passed.given == list(range(100))
    assert passed.taken == list(range(0, 100, 2))
    assert sink.ended == "whole"
    assert set(passed.busy_s) == {"decode", "stages", "encode"}


def test_context_around_the_chunk_is_left_out() -> None:
    sink = Sink()
    passed = Pipeline([Double()], sink, (10, 20)).run(film(50), Interruption())
    assert sink.pts == list(range(10, 20))
    assert passed.taken == [10, 12, 14, 16, 18]


def test_chunks_hold_each_frame_once_wherever_the_cut_is() -> None:
    whole = Sink()
    Pipeline([Double()], whole, ALL).run(film(20), Interruption())
    for cut in range(1, 40):
        first, second = Sink(), Sink()
        Pipeline([Double()], first, (0, cut)).run(film(20), Interruption())
        Pipeline([Double()], second, (cut, 40)).run(film(20), Interruption())
        assert first.pts + second.pts == whole.pts


def test_range_without_frames_ends_well() -> None:
    sink = Sink()
    passed = Pipeline([PassOn()], sink, ALL).run(iter(()), Interruption())
    assert passed.given == []
    assert sink.ended == "whole"


def test_decoder_waits_when_the_encoder_is_slow() -> None:
    decoded = 0
    furthest = 0

    def counted() -> Iterator[Frame]:
        nonlocal decoded
        for frame in film(200):
            decoded += 1
            yield frame

    class Slow(Sink):
        def write(self, frame: Frame) -> None:
            nonlocal furthest
            super().write(frame)
            furthest = max(furthest, decoded - len(self.pts))

    sink = Slow()
    Pipeline([PassOn()], sink, ALL, depths=(3, 2)).run(counted(), Interruption())
    assert len(sink.pts) == 200
    # the two queues, and one frame in the hands of each thread
    assert furthest <= 3 + 2 + 3


class At:
    """Does something in one of the three threads, at one frame."""

    def __init__(self, where: str, do: Callable[[], object]) -> None:
        self.where = where
        self.do = do

    def reach(self, where: str, frame: Frame) -> None:
        if where == self.where and frame.pts == 14:
            self.do()

    def source(self) -> Iterator[Frame]:
        for frame in film(1000):
            self.reach("decode", frame)
            yield frame

    def stage(self) -> PassOn:
        reach = self.reach

        class Stage(PassOn):
            def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
                for frame in source:
                    reach("stages", frame)
                    yield frame

        return Stage()

    def sink(self) -> Sink:
        reach = self.reach

        class Encoder(Sink):
            def write(self, frame: Frame) -> None:
                reach("encode", frame)
                super().write(frame)

        return Encoder()


class WentWrongError(EnhanceError):
    pass


@pytest.mark.parametrize("where", ["decode", "stages", "encode"])
def test_first_error_ends_all_threads(where: str) -> None:
    def fail() -> None:
        raise WentWrongError("x", where)

    at = At(where, fail)
    sink = at.sink()
    with pytest.raises(WentWrongError, match=where):
        Pipeline([at.stage()], sink, ALL).run(at.source(), Interruption())
    assert not threads_left()
    assert sink.ended == "broken"


def test_source_is_closed_by_the_thread_that_read_it() -> None:
    closed: list[str] = []

    def source() -> Iterator[Frame]:
        try:
            yield from film(1000)
        finally:
            closed.append(threading.current_thread().name)

    class Encoder(Sink):
        def write(self, frame: Frame) -> None:
            raise EnhanceError("x", "no")

    with pytest.raises(EnhanceError):
        Pipeline([PassOn()], Encoder(), ALL).run(source(), Interruption())
    assert closed == ["decode"]


def test_stop_is_obeyed_in_the_middle() -> None:
    interruption = Interruption()

    def endless() -> Iterator[Frame]:
        n = 0
        while True:
            yield Frame((np.zeros((2, 4), np.uint8),), n, 1)
            n += 1
            if n == 100:
                interruption.request("stopped by SIGTERM")

    sink = Sink()
    with pytest.raises(InterruptedRunError, match="SIGTERM"):
        Pipeline([PassOn()], sink, ALL).run(endless(), interruption)
    assert not threads_left()
    assert sink.ended == "broken"


@pytest.mark.parametrize("where", ["decode", "stages", "encode"])
def test_hanging_thread_is_named(where: str) -> None:
    release = threading.Event()
    at = At(where, release.wait)
    pipeline = Pipeline([at.stage()], at.sink(), ALL, watchdog_s=0.6, join_s=0.1)
    try:
        with pytest.raises(StalledError) as caught:
            pipeline.run(at.source(), Interruption())
    finally:
        release.set()
    assert caught.value.code == f"stalled_{where}"


def test_stage_that_goes_back_in_time_is_a_defect() -> None:
    class Backwards(PassOn):
        def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
            for frame in source:
                yield Frame(frame.planes, -frame.pts, 1)

    with pytest.raises(EnhanceError) as caught:
        Pipeline([Backwards()], Sink(), (-100, 100)).run(film(5), Interruption())
    assert caught.value.code == "pts_order"


def test_tick_tells_the_last_written_time() -> None:
    ticks: list[int | None] = []
    Pipeline([PassOn()], Sink(), ALL).run(film(5), Interruption(), ticks.append)
    assert ticks[-1] == 8


def test_queue_is_short_when_frames_are_large() -> None:
    large = StreamFacts(
        width=7680,
        height=4320,
        format="yuv420p10le",
        depth=10,
        chroma_w=2,
        chroma_h=2,
        time_base=Fraction(1, 25),
        rate=Fraction(25),
    )
    assert depth(large) == 2
    assert depth(FACTS) == 16
