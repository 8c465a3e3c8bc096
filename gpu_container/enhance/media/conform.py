"""Every picture of a stream in one form: size, layout, opaque."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from enhance.frames import Frame
from enhance.media.layout import alpha_unsupported, has_alpha, is_rgb
from enhance.media.planes import planar_name, views
from enhance.media.source import Source

_SMOOTH = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class Conform:
    """Turns a decoder's pictures into frames as `source.facts` says they are."""

    def __init__(self, source: Source, note: Callable[[str], None]) -> None:
        self._index = source.index
        self._facts = source.facts
        self._note = note
        self._reformatter = VideoReformatter()

    def frame(self, picture: VideoFrame, pts: int, duration: int) -> Frame:
        """Show the picture's planes, or convert it first.

        Raises:
            BadInputError: `alpha_unsupported`.
        """
        interlaced = picture.interlaced_frame
        name = planar_name(picture.format.name).replace("yuvj", "yuv")
        size = (picture.width, picture.height)
        if name != self._facts.format or size != (self._facts.width, self._facts.height):
            picture = self._convert(picture)
        top_first = interlaced and self._index.top_field_first
        return Frame(views(picture), pts, duration, interlaced, top_first, owner=picture)

    def _convert(self, picture: VideoFrame) -> VideoFrame:
        name = picture.format.name
        if has_alpha(name):
            self._require_opaque(picture)
        if (picture.width, picture.height) != (self._facts.width, self._facts.height):
            self._note(
                f"the picture changes its size to {picture.width}x{picture.height}: scaled to "
                f"{self._facts.width}x{self._facts.height}, the size of the first"
            )
        if is_rgb(name):
            matrix = Colorspace.ITU709 if self._facts.colour.matrix == 1 else Colorspace.ITU601
            ranges = (ColorRange.JPEG, ColorRange.MPEG)
        else:
            matrix = None
            ranges = (ColorRange.JPEG if self._facts.colour.full_range else ColorRange.MPEG,) * 2
        return self._reformatter.reformat(
            picture,
            self._facts.width,
            self._facts.height,
            self._facts.format,
            dst_colorspace=matrix,
            interpolation=_SMOOTH,
            src_color_range=ranges[0],
            dst_color_range=ranges[1],
        )

    def _require_opaque(self, picture: VideoFrame) -> None:
        alpha = picture.reformat(format="rgba").to_ndarray()[..., 3]
        if int(np.min(alpha)) < 255:
            raise alpha_unsupported(picture.format.name)
