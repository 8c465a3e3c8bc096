"""One pass over a file's packets, one frame decoded: every fact that planning needs."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from enhance.errors import BadInputError
from enhance.media import clock, timing
from enhance.media.facts import Index, Keyframe, Track
from enhance.media.hdr import read_hdr, side_data, uncarried
from enhance.media.layout import alpha_unsupported
from enhance.media.opening import BROKEN, DECODING, MAX_PIXELS, Media, opened
from enhance.media.picture import picture_facts

_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails
_PROBE_PACKETS = 1000
"""After so many packets without a frame, no frame is expected any more."""
_CUT_S = {"matroska,webm": 0.25, "flv": 1.5, "avi": 1.5}
"""A header that promises this much more than there is belongs to a file that was cut off. The other
containers' headers do not tell, or only guess."""


def scan(media: Media) -> Index:
    """Read all packets, decode the first frame, and say what there is.

    Raises:
        BadInputError: `unreadable`, `no_video`, `no_frames`, `no_timestamps`, `encrypted`,
            `codec_unsupported`, `alpha_unsupported`, `too_large`.
    """
    with opened(media) as container:
        stream = main_stream(container)
        reading = _Reading(container, stream)
        reading.run()
        return reading.index()


def main_stream(container: InputContainer) -> VideoStream:
    """Choose the stream to enhance: the default one, then the largest; never a cover.

    Raises:
        BadInputError: `no_video`, `encrypted`, `codec_unsupported`, `too_large`.
    """
    films = [s for s in container.streams.video if not s.disposition & _PICTURES]
    if not films:
        raise BadInputError("no_video", "The file holds no video, only sound, text or a cover.")
    best = max(films, key=_worth)
    if best.codec_context is None:
        raise BadInputError(
            "codec_unsupported", "The video's codec is unknown here: convert it to H.264 first."
        )
    if best.codec_context.codec_tag in ("encv", "drmi"):
        raise _encrypted()
    if best.width * best.height > MAX_PIXELS:
        raise BadInputError(
            "too_large",
            f"A picture of {best.width}x{best.height} is too large: at most {MAX_PIXELS} pixels.",
        )
    return best


def _worth(stream: VideoStream) -> tuple[bool, bool, int]:
    size = stream.width * stream.height if stream.codec_context is not None else 0
    return (size > 0, bool(stream.disposition & Disposition.default), size)


def _encrypted() -> BadInputError:
    return BadInputError(
        "encrypted", "The video is encrypted (DRM): only its owner can give it without."
    )


class _Reading:
    """What has been seen so far."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container = container
        self.stream = stream
        self.promised_s = (container.duration or 0) / av.time_base
        self.clock = clock.Survey(container, stream)
        self.packets: list[clock.Stamp] = []
        self.counts: dict[int, int] = {}
        self.starts: dict[int, int] = {}
        self.end_s = 0.0
        self.bits = 0
        self.read = 0
        self.first: VideoFrame | None = None
        self.notes: list[str] = []
        self.led = False
        self._fed = 0

    def run(self) -> None:
        """Read to the end, or to where the file breaks off."""
        context = self.stream.codec_context
        context.thread_count = 1  # the first frame comes with the first packet
        context.options = dict(DECODING)
        try:
            for packet in self.container.demux():
                self._see(packet)
        except BROKEN as exc:
            self.notes.append(f"the file breaks off: {exc.strerror}")
        self._probe(None)

    def _see(self, packet: Packet[Stream]) -> None:
        if packet.size == 0:
            return
        index, base = packet.stream_index, packet.stream.time_base
        self.counts[index] = self.counts.get(index, 0) + 1
        time = packet.pts if packet.pts is not None else packet.dts
        if time is not None and base is not None:
            self.starts[index] = min(self.starts.get(index, time), time)
            self.end_s = max(self.end_s, float((time + (packet.duration or 0)) * base))
            self.clock.see(packet)
        if index == self.stream.index:
            self._see_video(packet, time)

    def _see_video(self, packet: Packet[Stream], time: int | None) -> None:
        if packet.has_sidedata("encryption_info"):
            raise _encrypted()
        if self.stream.metadata.get("alpha_mode") == "1":
            raise alpha_unsupported(f"{self.stream.name} with an alpha layer")
        self.read += 1
        self.bits += packet.size * 8
        self._probe(packet)
        if packet.is_discard:
            # Before an edit list's start: decoded, since what follows refers to it, not shown.
            self.led = self.led or (packet.is_keyframe and not self.packets)
        elif time is not None and not _is_hidden(packet):
            self.packets.append(
                clock.Stamp(time, packet.dts, packet.pos, packet.is_keyframe, packet.duration or 0)
            )

    def _probe(self, packet: Packet[Stream] | None) -> None:
        if self.first is not None or self._fed > _PROBE_PACKETS:
            return
        self._fed += 1
        try:
            decoded = self.stream.decode(packet)  # pyright: ignore[reportArgumentType]
        except BROKEN:
            return
        if decoded:
            self.first = decoded[0]

    def _end(self) -> int | None:
        start, duration = self.stream.start_time, self.stream.duration
        return None if start is None or duration is None else start + duration

    def index(self) -> Index:
        """Put it together.

        Raises:
            BadInputError: `no_frames`, `no_timestamps`.
        """
        first = self._shown()
        jumps = self.clock.jumps()
        stamps = clock.moved(self.packets, jumps)
        # What lies before the first keyframe refers to frames that nobody has.
        begin = 0 if self.led else next((n for n, stamp in enumerate(stamps) if stamp.key), 0)
        stamps = stamps[begin:]
        pts = timing.spread(stamp.pts for stamp in stamps)
        base = self.stream.time_base or Fraction(1, 1000)
        last = max(stamps, key=lambda stamp: stamp.pts)
        return Index(
            container=self.container.format.name,
            size_bytes=max(0, self.container.size),
            stream=self.stream.index,
            codec=self.stream.codec_context.codec.canonical_name,
            profile=self.stream.profile,
            time_base=base,
            pts=tuple(pts),
            last_duration=timing.last_duration(pts, last.duration, self._end()),
            keyframes=_keyframes(stamps),
            reorder=timing.reorder_depth(list(dict.fromkeys(stamp.pts for stamp in stamps))),
            rate=timing.constant_rate(pts, base, self._nominal()),
            hdr=read_hdr(first),
            bits=self.bits,
            tracks=tuple(self._track(s) for s in self.container.streams if s is not self.stream),
            chapters=len(self.container.chapters()),
            jumps=jumps,
            start=self._start(),
            duplicates=len(stamps) - len({stamp.pts for stamp in stamps}),
            leading=begin,
            lost=self._lost(pts, base),
            notes=(*self.notes, *uncarried(entry.type for entry in side_data(first))),
            **picture_facts(first, self.stream),
        )

    def _shown(self) -> VideoFrame:
        if self.read and not self.packets:
            raise BadInputError(
                "no_timestamps",
                "A raw stream holds no times: put it in a container (MP4, MKV) with its rate.",
            )
        if self.first is None or not self.packets:
            raise BadInputError(
                "no_frames",
                "The file promises video, but not one frame of it can be decoded. (A picture may"
                f" have {MAX_PIXELS} pixels at most.)",
            )
        return self.first

    def _track(self, stream: Stream) -> Track:
        return Track(
            index=stream.index,
            kind=_kind(stream),
            codec=_codec(stream),
            language=stream.language,
            packets=self.counts.get(stream.index, 0),
            start=self.starts.get(stream.index),
            time_base=stream.time_base,
        )

    def _nominal(self) -> list[Fraction | None]:
        stream = self.stream
        return [stream.base_rate, stream.guessed_rate, stream.average_rate]

    def _start(self) -> Fraction:
        times = [
            start * stream.time_base
            for stream in self.container.streams
            if (start := self.starts.get(stream.index)) is not None and stream.time_base
        ]
        return min(times, default=Fraction(0))

    def _lost(self, pts: list[int], base: Fraction) -> int:
        """Count the frames that the header promises and the bytes do not hold."""
        name = self.container.format.name
        if name.startswith("mov"):
            return max(0, len(self.stream.index_entries) - self.read)
        gap_s = self.promised_s - self.end_s
        if gap_s <= _CUT_S.get(name, float("inf")):
            return 0
        step_s = float(timing.usual_step(pts) * base)
        return max(1, round(gap_s / step_s)) if step_s else 1


def _keyframes(stamps: list[clock.Stamp]) -> tuple[Keyframe, ...]:
    keys = (Keyframe(pts=stamp.pts, dts=stamp.dts) for stamp in stamps if stamp.key)
    return tuple(sorted(keys, key=lambda key: key.pts))


def _is_hidden(packet: Packet[Stream]) -> bool:
    """Tell VP8's frames that are only referred to (RFC 6386 9.1: the bit `show_frame`)."""
    context = packet.stream.codec_context
    return context.name in ("vp8", "libvpx") and not bytes(packet)[0] & 0x10


def _kind(stream: Stream) -> str:
    if stream.type == "video" and stream.disposition & _PICTURES:
        return "cover"
    return stream.type


def _codec(stream: Stream) -> str | None:
    # A stream that no decoder here knows has no context, whatever the annotation says.
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else None
