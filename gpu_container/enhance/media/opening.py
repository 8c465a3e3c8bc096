"""How a file is opened for reading, wherever it lies."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import (
    ArgumentError,
    DemuxerNotFoundError,
    EOFError,
    FFmpegError,
    InvalidDataError,
    PatchWelcomeError,
)

from enhance.errors import BadInputError

Media = str | Path | BinaryIO | Callable[[], BinaryIO]
"""A path; an open seekable file (one reader at a time; never closed here); or a function that opens
one (each reader closes its own)."""

BROKEN = (InvalidDataError, EOFError, ArgumentError, PatchWelcomeError, DemuxerNotFoundError)
"""What FFmpeg says of bytes that it cannot read; every other error is the storage's."""

_FORMATS = (
    "mov,matroska,webm,mpegts,mpeg,mpegvideo,m4v,avi,flv,asf,ogg,mxf,nut,ivf,dv,rm,wtv,gxf,"
    "h264,hevc,obu,av1,mjpeg,yuv4mpegpipe,gif,apng,image2,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,"
    "mp3,aac,wav,flac,aiff"
)
"""Demuxers that read one file and nothing else. Playlists (hls, concat, dash) name further files:
a hostile one would make the container read them."""

_OPTIONS = {
    "format_whitelist": _FORMATS,
    "protocol_whitelist": "file",
    # Where a file holds decoding times only (AVI), the showing times follow from them.
    "fflags": "+genpts",
}
MAX_PIXELS = 8192 * 8192
"""Of one picture. A few bytes can claim more than any memory holds: decoders are told to refuse
such a picture before they make room for it."""
DECODING = {"max_pixels": str(MAX_PIXELS)}
"""Options of every decoder. One that the opening has not used up is to be given them again."""
_READ_BYTES = 1 << 20
"""At once, of a file object: fewer, larger ranged reads."""


@contextmanager
def opened(media: Media, hwaccel: HWAccel | None = None) -> Iterator[InputContainer]:
    """Open for reading, from the start.

    Raises:
        BadInputError: `unreadable`.
    """
    file = media() if callable(media) else media
    if isinstance(file, str | Path):
        # The prefix keeps `a:b.mp4` and `-x.mp4` what they are: names.
        target: str | BinaryIO = f"file:{file}"
    else:
        file.seek(0)
        target = file
    try:
        try:
            container = av.open(
                target,
                "r",
                options=dict(DECODING),
                container_options=dict(_OPTIONS),
                buffer_size=_READ_BYTES,
                metadata_errors="replace",
                hwaccel=hwaccel,
            )
        except FFmpegError as exc:
            # EIO is Matroska's word for bytes it cannot parse, ENOMEM that of MP4 for tables that
            # claim billions of entries; the errors of a file object pass through as they are.
            if isinstance(exc, BROKEN) or exc.errno in (errno.EIO, errno.ENOMEM):
                raise unreadable(exc) from exc
            raise
        with container:
            yield container
    finally:
        if callable(media) and not isinstance(file, str | Path):
            file.close()


def unreadable(exc: FFmpegError) -> BadInputError:
    """Say what is wrong with bytes that no demuxer takes."""
    return BadInputError(
        "unreadable",
        f"The file cannot be read as video ({exc.strerror}). If a recording or a download broke off"
        " before its end, an MP4 lacks the index that is written last: get the file again, or let"
        " a repair tool rebuild the index.",
    )
