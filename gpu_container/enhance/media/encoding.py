"""Which encoder, and with what settings: decided once for a task, the same for every chunk."""

from __future__ import annotations

from fractions import Fraction

from av.codec import Codec, CodecContext
from av.codec.codec import find_best_pix_fmt_of_list
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from pydantic import BaseModel, ConfigDict

from enhance.errors import BadInputError
from enhance.frames import Colour, StreamFacts
from enhance.media.containers import require_codec
from enhance.media.encoders import HARDWARE, SOFTWARE, Encoder
from enhance.media.facts import Hdr
from enhance.media.layout import layout_of
from enhance.media.source import Source
from enhance.spec import Convert

_SAME = ("h264", "hevc", "av1", "prores")
_WEB = ("vp8", "vp9")
_GOP_S = 4
"""Seconds between keyframes: players seek to them."""


class Encoding(BaseModel):
    """How frames are coded: the same for every chunk of a task, so it belongs in a chunk's key."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    codec: str
    """`h264`, `hevc`, `av1`, `prores`."""
    encoder: str
    """As FFmpeg names it: `libx264`, `hevc_nvenc` …"""
    pixel_format: str
    options: dict[str, str]
    hdr: Hdr = Hdr()
    notes: tuple[str, ...] = ()

    @property
    def container(self) -> str:
        """Of a chunk file, and its suffix: one that keeps times of any time base exactly."""
        return "mov" if self.codec == "prores" else "mp4"


def choose_encoding(
    convert: Convert | None,
    source: Source,
    facts: StreamFacts,
    device: str,
    *,
    interlaced: bool = False,
) -> Encoding:
    """Choose encoder and settings.

    Args:
        convert: What the spec asks; None: as the source.
        source: Its codec is kept where none is asked for and an encoder exists.
        facts: Of the frames that will be written.
        device: `cuda` tries NVENC first, by opening it.
        interlaced: The frames still hold two fields (no stage took them apart): code them so.

    Raises:
        BadInputError: `codec_not_in_container`, `size_unsupported`, `encoder_refused`.
    """
    convert = convert or Convert()
    codec = convert.codec or _default_codec(source, facts, convert.container)
    if convert.container:
        require_codec(codec, convert.container)
    notes: list[str] = []
    for encoder in _candidates(codec, device, source, notes):
        encoding = _encoding(encoder, convert, source, facts, interlaced)
        problem = _opening_problem(encoding, facts)
        if problem is None:
            return encoding.model_copy(update={"notes": (*notes, *encoding.notes)})
        notes.append(f"{encoder.name} does not open ({problem})")
    raise BadInputError("encoder_refused", f"No encoder takes this video: {'; '.join(notes)}.")


def _default_codec(source: Source, facts: StreamFacts, container: str | None) -> str:
    own = source.index.codec
    if container == "webm" or (own in _WEB and container is None):
        return "av1"
    if own in _SAME:
        return own
    return "h264" if facts.depth == 8 else "hevc"


def _candidates(codec: str, device: str, source: Source, notes: list[str]) -> list[Encoder]:
    software = SOFTWARE[codec]
    hardware = HARDWARE.get(codec)
    if device != "cuda" or hardware is None:
        return [software]
    if source.index.hdr != Hdr():
        notes.append(f"{software.name}, because {hardware.name} does not write HDR10 metadata")
        return [software]
    return [hardware, software]


def _encoding(
    encoder: Encoder, convert: Convert, source: Source, facts: StreamFacts, interlaced: bool
) -> Encoding:
    pixel_format = _pixel_format(encoder, convert.pixel_format, facts)
    notes: list[str] = []
    if pixel_format != facts.format:
        notes.append(f"{facts.format} is coded as {pixel_format}")
    hdr = source.index.hdr
    if hdr != Hdr() and not encoder.hdr:
        notes.append(f"{encoder.name} does not write HDR10 mastering metadata: left out")
    quality = encoder.quality if convert.quality is None else convert.quality
    if quality > encoder.worst:
        notes.append(f"quality {quality} is beyond {encoder.name}'s scale: {encoder.worst}")
    preset = convert.preset or _default_preset(encoder, pixel_format)
    options = encoder.options(min(quality, encoder.worst), preset, hdr)
    if encoder.codec != "prores":
        options["g"] = str(round(_GOP_S * float(facts.rate or 30)))
    if interlaced and encoder.fields:
        options["flags"] = "+ildct+ilme"
        order = "tff=1" if source.index.top_field_first else "bff=1"
        options["x264-params"] = ":".join(filter(None, [options.get("x264-params"), order]))
    elif interlaced:
        notes.append(f"{encoder.name} codes the fields of interlaced frames as one picture")
    return Encoding(
        codec=encoder.codec,
        encoder=encoder.name,
        pixel_format=pixel_format,
        options=options,
        hdr=hdr,
        notes=tuple(notes),
    )


def _default_preset(encoder: Encoder, pixel_format: str) -> str:
    return "4444" if encoder.codec == "prores" and "444" in pixel_format else encoder.preset


def _pixel_format(encoder: Encoder, asked: str | None, facts: StreamFacts) -> str:
    """Choose what loses nothing, or least.

    Raises:
        BadInputError: `size_unsupported`.
    """
    fitting = [name for name in encoder.formats if _fits(name, facts, encoder)]
    if asked:
        if asked in encoder.formats and asked not in fitting:
            raise BadInputError(
                "size_unsupported",
                f"{asked} cannot hold an odd size ({facts.width}x{facts.height}): ask for"
                " yuv444p, or leave the pixel format out.",
            )
        if asked in fitting:
            return asked
    like = asked or facts.format.replace("gray", "yuv420p")
    best, _ = find_best_pix_fmt_of_list(fitting or list(encoder.formats), like)
    return best.name if best else encoder.formats[0]


def _fits(name: str, facts: StreamFacts, encoder: Encoder) -> bool:
    layout = layout_of(name)
    even = encoder.codec in ("h264", "hevc")
    return not even or not (
        facts.width % max(1, layout.chroma_w) or facts.height % max(1, layout.chroma_h)
    )


def _opening_problem(encoding: Encoding, facts: StreamFacts) -> str | None:
    """Open the encoder and close it again: the only proof that it is there and takes this."""
    try:
        context = CodecContext.create(Codec(encoding.encoder, "w"))
        if not isinstance(context, VideoCodecContext):
            return "not a video encoder"
        configure(context, encoding, facts)
        context.open()
    except (FFmpegError, ValueError) as exc:
        return str(exc)
    return None


def configure(context: VideoCodecContext, encoding: Encoding, facts: StreamFacts) -> None:
    """Set an encoder up for these frames."""
    context.width, context.height = facts.width, facts.height
    context.pix_fmt = encoding.pixel_format
    context.time_base = facts.time_base
    context.framerate = facts.rate or Fraction(30)
    context.sample_aspect_ratio = facts.sample_aspect
    tag_colour(context, facts.colour)
    # PyAV's default, slices alone, makes x264 cut every picture into strips.
    context.thread_type = "AUTO"
    context.options = dict(encoding.options)
    if facts.colour.chroma_location:
        context.options["chroma_sample_location"] = str(facts.colour.chroma_location)


def tag_colour(context: VideoCodecContext, colour: Colour) -> None:
    """Write the tags that say how the numbers are to be read."""
    context.color_primaries = colour.primaries
    context.color_trc = colour.transfer
    context.colorspace = colour.matrix
    context.color_range = {None: 0, False: 1, True: 2}[colour.full_range]
