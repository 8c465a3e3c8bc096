"""Chunks and the source's other streams, joined into the finished file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from heapq import merge
from math import lcm
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from enhance.errors import BadInputError
from enhance.media.clock import CLOCKED
from enhance.media.containers import FORMATS, output_container
from enhance.media.encoding import tag_colour
from enhance.media.opening import BROKEN, opened
from enhance.media.proof import Joined, Promise, prove
from enhance.media.source import Source
from enhance.media.splice import Chunk, Splice
from enhance.media.tracks import Tracks, copy_tags, copy_video_tags, has_phone_tags

_MOVIE_TICKS = (1 << 31) - 1


def join(
    source: Source, chunks: Sequence[Chunk], output: Path, *, container: str | None = None
) -> Joined:
    """Write `output`, then read it again and hold it to what the chunks promised.

    Args:
        source: Audio, subtitles, chapters, attachments, tags and rotation come from it.
        chunks: In the order of time; together they hold every frame of the result.
        output: Written in place: give a name beside the final one. Half a file is left there if
            this raises.
        container: As asked in the spec.

    Raises:
        BadInputError: `codec_not_in_container`, `track_damaged`.
        JoinError: `chunks_missing`, `chunk_damaged`, `chunks_differ`, `chunks_overlap`,
            `join_failed`.
    """
    base = source.index.time_base
    splice = Splice(chunks, base)
    with ExitStack() as stack:
        template = stack.enter_context(av.open(f"file:{splice.template}")).streams.video[0]
        codec = template.codec_context.codec.canonical_name
        name, notes = output_container(source, codec, container)
        original = stack.enter_context(opened(source.media))
        tracks = Tracks(source.media, original, source.index, name)
        shift = _shift(source, splice, tracks, name)
        options = _options(name, source, splice, shift, original)
        target = stack.enter_context(
            av.open(f"file:{output}", "w", format=FORMATS[name], container_options=options)
        )
        stream = _add_video(target, template, source, original, name)
        tracks.add_to(target)
        copy_tags(original, target, shift)
        target.start_encoding()
        video = splice.packets(stream, round(shift / base))
        _mux(target, merge(video, tracks.packets(shift), key=lambda entry: entry[0]), tracks)
    promise = Promise([pts * base + shift for pts in splice.shown], tracks.sums())
    said = (*notes, *tracks.notes, *tracks.damage(), *_rounding(name, base), *_moved(source, shift))
    return prove(output, name, promise, said)


def _mux(
    target: OutputContainer, packets: Iterable[tuple[float, Packet[Any]]], tracks: Tracks
) -> None:
    for _, packet in packets:
        if packet.stream.type != "video":
            tracks.write(packet, target)
            continue
        try:
            target.mux(packet)
        except BROKEN as exc:
            # Our own packets are whole: it is one of a track that waited for this one.
            raise BadInputError(
                "track_damaged",
                f"A track beside the video is damaged, and {target.format.name} does not take it "
                f"({exc.strerror}): copy the video alone into a file first.",
            ) from exc


def _shift(source: Source, splice: Splice, tracks: Tracks, container: str) -> Fraction:
    """Say by how many seconds everything moves, so that no frame lies before 0."""
    index = source.index
    first = splice.shown[0] * index.time_base
    if index.container in CLOCKED:
        return -min([first, *tracks.starts()])
    early = tracks.early() if container in ("mkv", "webm") else Fraction(0)
    return max(early, -first)


def _options(
    container: str, source: Source, splice: Splice, shift: Fraction, original: InputContainer
) -> dict[str, str]:
    if container not in ("mp4", "mov"):
        return {}
    flags = "+faststart" + ("+use_metadata_tags" if has_phone_tags(original) else "")
    # A late start is written in movie ticks, milliseconds by default: take ticks that hold it.
    starts = [splice.shown[0] * source.index.time_base + shift]
    starts += [
        track.start * track.time_base + shift
        for track in source.index.tracks
        if track.start is not None and track.time_base
    ]
    ticks = lcm(1000, *(start.denominator for start in starts if start > 0))
    return {"movflags": flags} | (
        {"movie_timescale": str(ticks)} if 1000 < ticks <= _MOVIE_TICKS else {}
    )


def _add_video(
    target: OutputContainer,
    template: VideoStream,
    source: Source,
    original: InputContainer,
    container: str,
) -> VideoStream:
    stream = target.add_stream_from_template(template, opaque=True)
    copy_video_tags(original, source.index, stream)
    tag_colour(stream.codec_context, source.facts.colour)
    if container in ("mp4", "mov") and stream.codec_context.codec.canonical_name == "hevc":
        stream.codec_context.codec_tag = "hvc1"  # the only one that Apple's players take
    matrix = source.index.display_matrix
    if matrix:
        stream.set_display_matrix(_scaled(matrix, template, source))
    return stream


def _scaled(matrix: tuple[int, ...], template: VideoStream, source: Source) -> list[int]:
    """Turn the picture as before; the move that brings it back into view grows with it."""
    scaled = list(matrix)
    scaled[6] = scaled[6] * template.width // source.index.width
    scaled[7] = scaled[7] * template.height // source.index.height
    return scaled


def _moved(source: Source, shift: Fraction) -> tuple[str, ...]:
    if not shift or source.index.container in CLOCKED:
        return ()
    return (f"everything is {float(shift) * 1000:.0f} ms later, so that nothing lies before 0",)


def _rounding(container: str, time_base: Fraction) -> tuple[str, ...]:
    if container in ("mkv", "webm") and (time_base / Fraction(1, 1000)).denominator != 1:
        return (f"{container} counts milliseconds: times are rounded to the nearest",)
    return ()
