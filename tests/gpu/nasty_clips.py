"""The files that break other programs, made small: one function each, cached by name."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av

from tests.gpu.clips import (
    ffmpeg,
    folder,
    natural,
    plain,
    test_picture,
    tone,
    write_pictures,
)

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "64k")


def varying(suffix: str, timescale: int | None = None) -> Path:
    """Irregular times in a container whose clock ticks as said (Matroska: in milliseconds)."""
    ticks = () if timescale is None else ("-video_track_timescale", str(timescale))
    return ffmpeg(
        f"varying-{timescale}.{suffix}",
        *test_picture(frames=14),
        *tone(0.8),
        *("-vf", r"setpts=(N+0.37*mod(N\,3)+2*gt(N\,8))/25/TB", "-fps_mode", "passthrough"),
        *(*X264, *AAC, *ticks),
    )


def late_start(suffix: str = "mkv") -> Path:
    """Everything starts at 1.5 s, the sound 0.1 s after the picture."""
    return ffmpeg(
        f"late.{suffix}",
        *("-itsoffset", "1.5", *test_picture(), "-itsoffset", "1.6", *tone(0.4)),
        *(*X264, *AAC),
    )


def sound_first() -> Path:
    """The sound starts 0.2 s before the picture."""
    return ffmpeg("sound-first.mp4", "-itsoffset", "0.2", *test_picture(), *tone(0.6), *X264, *AAC)


def edit_list() -> Path:
    """Cut without recoding: frames before the edit list's start are decoded and not shown."""
    long = ffmpeg(
        "long.mp4", *test_picture(frames=30), *tone(1.2), *X264, *AAC, "-g", "10", "-bf", "2"
    )
    return ffmpeg("edited.mp4", "-ss", "0.52", "-i", str(long), "-c", "copy")


@cache
def early_sound() -> Path:
    """MP4 whose edit list shows sound from 0.3 s in: its packets start at -0.3 s."""
    source = ffmpeg("long-sound.mp4", *test_picture(frames=12), *tone(1.0), *X264, *AAC)
    path = folder() / "early-sound.mp4"
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        copies = {s.index: out.add_stream_from_template(s) for s in container.streams}
        for packet in container.demux():
            if packet.size:
                early = packet.stream.type == "audio"
                ticks = 14400 if early else 0
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return path


def sized(width: int, height: int, pixels: str, *, frames: int = 2, codec: str = "ffv1") -> Path:
    return ffmpeg(
        f"sized-{width}x{height}-{pixels}-{codec}.mkv",
        *test_picture(frames=frames, size=f"{max(width + 1, 16)}x{max(height + 1, 16)}"),
        *("-vf", f"crop={width}:{height}:0:0:exact=1", "-pix_fmt", pixels, "-c:v", codec),
    )


def turned(degrees: int, *, flip: bool = False) -> Path:
    """The display matrix that phones write."""
    how = ("-display_hflip",) if flip else ("-display_rotation", str(degrees))
    return ffmpeg(f"turned-{degrees}-{flip}.mp4", *how, "-i", str(plain()), "-c", "copy")


def anamorphic(aspect: str) -> Path:
    name = aspect.replace("/", "-")
    return ffmpeg(f"sar-{name}.mp4", *test_picture(), "-vf", f"setsar={aspect}", *X264)


def no_sound() -> Path:
    return ffmpeg("mute.mp4", *test_picture(), *X264)


def full_of_tracks() -> Path:
    """Two languages, subtitles, chapters, an attached font and a cover."""
    place = folder()
    (place / "text.srt").write_text("1\n00:00:00,000 --> 00:00:00,400\nHello\n")
    (place / "chapters.txt").write_text(
        ";FFMETADATA1\ntitle=Nasty\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=480\ntitle=Two\n"
    )
    (place / "font.ttf").write_bytes(b"\0\1\0\0" + bytes(60))
    cover = ffmpeg("cover.png", *test_picture(frames=1), "-frames:v", "1")
    return ffmpeg(
        "tracks.mkv",
        *test_picture(),
        *(*tone(0.48), *tone(0.48, hertz=880)),
        *("-i", "text.srt", "-i", "chapters.txt"),
        *("-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:s", "-map_metadata", "4"),
        *(*X264, *AAC, "-c:s", "srt"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-attach", "font.ttf", "-metadata:s:t:0", "mimetype=font/ttf"),
        *("-attach", str(cover), "-metadata:s:t:1", "mimetype=image/png"),
    )


def sound_of(codec: str, suffix: str, seconds: float = 0.48) -> Path:
    """Sound of a codec, longer or shorter than the picture's 0.48 s."""
    return ffmpeg(
        f"sound-{codec}-{seconds}.{suffix}",
        *(*test_picture(), *tone(seconds)),
        *(*X264, "-c:a", codec, "-strict", "experimental"),
    )


def ten_bit() -> Path:
    return ffmpeg(
        "ten-bit.mp4",
        *test_picture(),
        *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
        *("-x265-params", "log-level=error"),
    )


def hdr10() -> Path:
    """BT.2020, PQ, with mastering display and content light level."""
    parameters = (
        "log-level=error:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
        ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
        ":max-cll=1000,400"
    )
    return ffmpeg(
        "hdr10.mp4",
        *test_picture(),
        *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
        *("-x265-params", parameters),
    )


def tagged(name: str, *tags: str, pixels: str = "yuv420p", size: str = "96x64") -> Path:
    return ffmpeg(
        f"tagged-{name}.mp4",
        *test_picture(frames=4, size=size),
        *("-vf", f"scale=out_range={'full' if 'pc' in tags else 'limited'}", *X264),
        *("-pix_fmt", pixels, *tags),
    )


def coded(name: str, suffix: str, *arguments: str, frames: int = 8) -> Path:
    return ffmpeg(f"coded-{name}.{suffix}", *test_picture(frames=frames), *arguments)


def interlaced(*, top_first: bool = True) -> Path:
    how = "interleave_top" if top_first else "interleave_bottom"
    order = "tff" if top_first else "bff"
    return ffmpeg(
        f"fields-{order}.mp4",
        *test_picture(frames=24, rate="50"),
        *("-vf", f"tinterlace={how},fieldorder={order}", *X264),
        *("-flags", "+ilme+ildct", "-x264-params", f"{order}=1"),
    )


def telecined() -> Path:
    return ffmpeg(
        "telecine.mpg",
        *test_picture(frames=12, rate="24000/1001"),
        *("-vf", "telecine", "-c:v", "mpeg2video", "-pix_fmt", "yuv420p", "-flags", "+ilme+ildct"),
    )


@cache
def cut_short(share: float = 0.6) -> Path:
    """A download that broke off: the index comes first, the last part is missing."""
    whole = ffmpeg(
        "index-first.mp4",
        *test_picture(frames=25),
        *(*X264, "-g", "10", "-movflags", "+faststart"),
    )
    return _written("cut-short.mp4", whole.read_bytes()[: int(whole.stat().st_size * share)])


@cache
def without_index() -> Path:
    """A recording that broke off: the index would have come last."""
    whole = plain(25)
    return _written("without-index.mp4", whole.read_bytes()[: whole.stat().st_size // 2])


@cache
def flipped_bytes() -> Path:
    """Bytes turned over in the middle of the pictures."""
    whole = ffmpeg("pictures.mkv", *test_picture(frames=40), *X264, "-g", "10", "-bf", "2")
    data = bytearray(whole.read_bytes())
    for at in range(len(data) * 4 // 10, len(data) * 6 // 10, 97):
        data[at] ^= 0xFF
    return _written("flipped.mkv", bytes(data))


def wrapped_clock() -> Path:
    """A transport stream whose 33-bit clock wraps after 0.2 s."""
    return ffmpeg(
        "wrapped.ts",
        *test_picture(frames=20),
        *tone(0.8),
        *(*X264, *AAC, "-output_ts_offset", "95442.1", "-muxdelay", "0", "-muxpreload", "0"),
    )


@cache
def broken_clock() -> Path:
    """Two transport streams one after the other: the clock starts again."""
    parts = [
        ffmpeg(f"part-{n}.ts", *test_picture(frames=8), *X264, "-output_ts_offset", str(start))
        for n, start in enumerate((30, 10))
    ]
    return _written("broken-clock.ts", b"".join(part.read_bytes() for part in parts))


@cache
def changing_size() -> Path:
    """The clock goes on, the picture is larger from the seventh frame on."""
    parts = [
        ffmpeg(
            f"size-{size}.ts",
            *test_picture(frames=6, size=size),
            *(*X264, "-output_ts_offset", str(start)),
        )
        for size, start in (("96x64", 10), ("128x96", 10.24))
    ]
    return _written("changing-size.ts", b"".join(part.read_bytes() for part in parts))


def grouped(name: str, codec: str, *arguments: str, frames: int = 24) -> Path:
    """Pictures that depend on each other in a given way."""
    return ffmpeg(f"grouped-{name}.mkv", *test_picture(frames=frames), "-c:v", codec, *arguments)


@cache
def odd_times(name: str, times: tuple[int, ...]) -> Path:
    """Matroska with the pictures at these milliseconds, even twice at the same one."""
    coded_first = ffmpeg(
        f"steady-{len(times)}.mkv", *test_picture(frames=len(times)), *X264, "-bf", "0"
    )
    path = folder() / f"odd-times-{name}.mkv"
    with av.open(str(coded_first)) as container, av.open(str(path), "w") as out:
        stream = container.streams.video[0]
        copy = out.add_stream_from_template(stream)
        packets = [packet for packet in container.demux(stream) if packet.size]
        for packet, time in zip(packets, times, strict=True):
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = time
            packet.stream = copy
            out.mux(packet)
    return path


@cache
def long_promise() -> Path:
    """The header says three hours, the data is a second."""
    data = bytearray(plain(25).read_bytes())
    at = data.index(b"mvhd") + 4
    scale = int.from_bytes(data[at + 12 : at + 16])
    data[at + 16 : at + 20] = (3 * 3600 * scale).to_bytes(4)
    return _written("promise.mp4", bytes(data))


def constant(colour: str) -> Path:
    return ffmpeg(
        f"constant-{colour}.mp4",
        *("-f", "lavfi", "-i", f"color={colour}:size=96x64:rate=25:duration=0.4", *X264),
    )


@cache
def scene_change() -> Path:
    """Two scenes of ten pictures each."""

    def panned(seed: int) -> list[Any]:
        wide = natural(64, 200, seed=seed)
        return [wide[:, 3 * n : 3 * n + 96].astype("uint8") for n in range(10)]

    return write_pictures(
        folder() / "scenes.mp4",
        [*panned(1), *panned(2)],
        time_base=Fraction(1, 100),
        times=[4 * n for n in range(20)],
        options={"preset": "ultrafast", "crf": "12"},
    )


def _written(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path
