"""Frames of a range of time, exactly."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from av.codec import CodecContext
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from enhance.errors import BadInputError
from enhance.frames import Frame
from enhance.media.conform import Conform
from enhance.media.facts import Index, Keyframe
from enhance.media.opening import BROKEN, DECODING, opened
from enhance.media.seeking import keyframes_before, packets
from enhance.media.source import Source

_MAX_THREADS = 8
"""More only add frames in flight, each a picture of memory."""
_HARDWARE = ("nv12", "p010le", "p016le", "nv16", "nv24", "yuv444p16le")
"""What comes out of a hardware decoder; software decoders give planar formats."""
_GUESS_REORDER = ("h264", "hevc")
"""Their decoders guess from the stream how long to hold frames back, and drop some at the start if
the guess is low; the index knows."""

_Picture = tuple[VideoFrame, int]
"""And its time."""


@dataclass(slots=True)
class DecodeReport:
    """What became of one range: filled while the frames are read, complete at their end."""

    decoder: str = ""
    """`h264`, or `h264 (nvdec)`."""
    expected: int = 0
    decoded: int = 0
    """With start <= pts < end; context frames are not counted."""
    corrupt: int = 0
    """Of these, how many the decoder had to patch."""
    notes: list[str] = field(default_factory=list[str])

    @property
    def missing(self) -> int:
        """How many frames the file promises and does not give."""
        return max(0, self.expected - self.decoded)

    @property
    def damaged(self) -> bool:
        """Whether the run ends as `partial_input`."""
        return self.missing > 0 or self.corrupt > 0

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)


def frames(
    source: Source,
    start: int,
    end: int,
    before: int = 0,
    after: int = 0,
    *,
    report: DecodeReport | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> Iterator[Frame]:
    """Yield the frames with start <= pts < end, in order, and context around them.

    Args:
        source: Opened by `open_source`.
        start: In the source's time base.
        end: Exclusive.
        before: How many frames before the range are yielded too, as far as there are any.
        after: How many after it.
        report: Filled with what was found.
        device: `cuda` decodes on the GPU where that opens, and says so in the report where not.
        threads: Of a software decoder; None: as many as there are cores, at most 8.

    Raises:
        BadInputError: `alpha_unsupported`: only decoding showed it.
    """
    report = DecodeReport() if report is None else report
    pts = source.index.pts
    first, last = bisect_left(pts, start), bisect_left(pts, end)
    report.expected = last - first
    if first == last:
        return
    begin, stop = pts[max(0, first - before)], pts[min(len(pts), last + after) - 1]
    conform = Conform(source, report.note)
    for picture, time in _between(source, begin, stop, device, threads, report):
        if start <= time < end:
            report.decoded += 1
            report.corrupt += picture.is_corrupt
        yield conform.frame(picture, time, _duration(source.index, time))


def _duration(index: Index, pts: int) -> int:
    following = bisect_right(index.pts, pts)
    return index.pts[following] - pts if following < len(index.pts) else index.last_duration


def _between(
    source: Source, first: int, last: int, device: str, threads: int | None, report: DecodeReport
) -> Iterator[_Picture]:
    """Yield first <= pts <= last, from a keyframe that really leads to `first`."""
    hwaccel = _hardware(device, report)
    *tries, final = keyframes_before(source.index, first)
    for key in [*tries, final]:
        with opened(source.media, hwaccel) as container:
            pictures = _decode(container, source.index, key, threads, report)
            wanted = (picture for picture in pictures if picture[1] >= first)
            head = next(wanted, None)
            if key is not final and (head is None or head[1] > first):
                continue
            for picture in chain([head] if head else [], wanted):
                if picture[1] > last:
                    return
                yield picture
                if picture[1] == last:
                    return
            return


def _hardware(device: str, report: DecodeReport) -> HWAccel | None:
    """Prepare the GPU's decoder; a stream that it cannot decode falls back by itself."""
    if device != "cuda":
        return None
    try:
        CodecContext.create("h264", "r", HWAccel("cuda"))
    except (FFmpegError, NotImplementedError, RuntimeError) as exc:
        report.note(f"no hardware decoder opens ({exc}): decoded in software")
        return None
    return HWAccel("cuda", allow_software_fallback=True)


def _decode(
    container: InputContainer,
    index: Index,
    key: Keyframe | None,
    threads: int | None,
    report: DecodeReport,
) -> Iterator[_Picture]:
    """Decode from a keyframe to the end of the file; times grow."""
    stream = _prepared(container, index, threads)
    previous: int | None = None
    for packet in packets(container, stream, index, key):
        try:
            pictures = stream.decode(packet)
        except BROKEN as exc:
            report.note(f"packets that cannot be decoded ({exc.strerror})")
            continue
        for picture in pictures:
            time = picture.pts if picture.pts is not None else picture.dts
            if time is None or (previous is not None and time < previous):
                continue  # damaged: a time that is over; the count of frames tells
            # A time that is taken becomes the next tick, as `timing.spread` does for the index.
            time = time if previous is None else max(time, previous + 1)
            previous = time
            report.decoder = report.decoder or _decoder(stream, picture)
            yield picture, time


def _prepared(container: InputContainer, index: Index, threads: int | None) -> VideoStream:
    stream = container.streams[index.stream]
    if not isinstance(stream, VideoStream):
        raise BadInputError("unreadable", "The file is not the one that was scanned.")
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    context = stream.codec_context
    context.options = dict(DECODING)
    context.thread_count = threads or min(_MAX_THREADS, os.cpu_count() or 1)
    context.thread_type = "AUTO"
    if index.codec in _GUESS_REORDER:
        context.reorder_depth = max(context.reorder_depth, index.reorder)
    return stream


def _decoder(stream: VideoStream, picture: VideoFrame) -> str:
    name = stream.codec_context.name
    hardware = stream.codec_context.is_hwaccel and picture.format.name in _HARDWARE
    return f"{name} (nvdec)" if hardware else name
