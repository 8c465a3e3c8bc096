"""One pass over a file: every picture and sample is decoded once, and nothing is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from enhance.analysis.containers import (
    Source,
    container_facts,
    first_picture_stream,
    opened,
    video_facts,
)
from enhance.analysis.errors import AnalysisError
from enhance.analysis.pictures import PictureMeter
from enhance.analysis.results import Analysis, ReferenceScores, Timing
from enhance.analysis.sound import SoundMeter
from enhance.analysis.timing import TimingMeter
from enhance.analysis.verdicts import verdicts

Watch = Callable[[int], object]


def analyze(
    source: Source,
    reference: str | Path | None = None,
    *,
    expected_s: float | None = None,
    watch: Watch = lambda pictures: None,
) -> Analysis:
    """Return the measures of a file; with `reference`, also how near it comes to that file.

    Args:
        source: a path, or an open binary file that can seek (not together with `reference`).
        reference: a file of as many pictures of the same size, to compare with in order.
        expected_s: how long the file should be, for the verdict `short`.
        watch: told after each packet how many pictures there were; what it raises ends the pass.

    Raises:
        AnalysisError: the file, or the comparison, cannot be measured; `code` says why.
    """
    try:
        with opened(source) as container:
            found = _measured(container, watch)
    except (FFmpegError, OverflowError, MemoryError) as exc:
        reason = getattr(exc, "strerror", None) or type(exc).__name__
        raise AnalysisError("unreadable", f"The file cannot be read: {reason}.") from exc
    scores = None if reference is None else _compared(source, Path(reference))
    found = found.model_copy(update={"reference": scores})
    return found.model_copy(update={"verdicts": verdicts(found, expected_s)})


def _compared(source: Source, reference: Path) -> ReferenceScores:
    from enhance.analysis.reference import compare  # runs a program: the workflow never needs it

    if not isinstance(source, str | Path):
        raise TypeError("A comparison with a reference needs both files on disk.")
    return compare(Path(source), reference)


def _measured(container: InputContainer, watch: Watch) -> Analysis:
    video = first_picture_stream(container)
    audio = container.streams.audio[0] if container.streams.audio else None
    if audio is not None and cast("Any", audio.codec_context) is None:  # no decoder for it
        audio = None
    meters = _Meters(video, audio)
    for packet in container.demux([stream for stream in (video, audio) if stream is not None]):
        meters.take(packet)
        watch(meters.count)
    if meters.first is None:
        raise AnalysisError("no_pictures", "The file has no picture that can be decoded.")
    return Analysis(
        container=container_facts(container),
        video=video_facts(video, meters.first),
        timing=meters.timing(),
        pictures=meters.pictures.result(),
        sound=meters.sound.result() if meters.sound is not None else None,
        verdicts=[],
    )


class _Meters:
    """What one pass feeds."""

    def __init__(self, video: VideoStream, audio: AudioStream | None) -> None:
        self._video = video
        self._times = TimingMeter()
        self._next_s = self._last_s = 0.0
        self._damaged_packets = 0
        self._corrupt_frames = 0
        self.count = 0
        self.first: VideoFrame | None = None
        self.pictures = PictureMeter()
        self.sound = SoundMeter(audio) if audio is not None else None

    def take(self, packet: Any) -> None:
        """Decode one packet; one that cannot be decoded is counted."""
        is_picture = packet.stream.index == self._video.index
        try:
            frames = packet.decode()
        except (FFmpegError, ValueError):
            frames = []
            if is_picture:
                self._damaged_packets += 1
            elif self.sound is not None:
                self.sound.damaged_packets += 1
        for frame in frames:
            if is_picture:
                self._picture(frame)
            elif self.sound is not None:
                self.sound.add(frame)

    def _picture(self, frame: VideoFrame) -> None:
        base = frame.time_base or self._video.time_base or 0
        self.count += 1
        if self.first is None:
            self.first = frame
        at_s = self._next_s if frame.pts is None else float(frame.pts * base)
        duration_s = float((frame.duration or 0) * base)
        self._times.add(at_s, duration_s)
        # some containers give the last picture no duration: then it is shown as long as the one
        # before
        shown_s = duration_s or max(at_s - self._last_s, 0.0)
        self._next_s, self._last_s = at_s + shown_s, at_s
        self._corrupt_frames += bool(frame.is_corrupt)
        self.pictures.add(frame, at_s, shown_s)

    def timing(self) -> Timing:
        return self._times.result(self._damaged_packets, self._corrupt_frames)
