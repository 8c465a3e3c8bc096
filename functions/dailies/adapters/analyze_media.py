"""Looks through videos with the container's own analysis. Imported by Check only: hostile bytes.

`enhance.analysis` comes in the functions' zip, and needs of its package nothing else.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import IO, cast

from dailies.adapters.ranged_reader import RangedReader
from dailies.domain.assets import MediaFacts
from dailies.domain.errors import AssetError
from dailies.domain.ports import Analyzed, MediaStore
from dailies.domain.quality import quality_of
from enhance.analysis import Analysis, AnalysisError, analyze


class EnhanceAnalyzer:
    """The Analyzer port over `enhance.analysis` and the media bucket."""

    def __init__(self, media: MediaStore) -> None:
        self._media = media

    def analyze(self, key: str, size_bytes: int, *, expected_s: float | None = None) -> Analyzed:
        """Return what decoding all of a file shows.

        Raises:
            AssetError: it cannot be looked through (`unmeasurable`).
            StorageError: the bucket did not answer.
        """
        file = cast("IO[bytes]", RangedReader(self._media, key, size_bytes))
        try:
            found = analyze(file, expected_s=expected_s)
        except AnalysisError as exc:
            raise AssetError("unmeasurable", f"The video cannot be looked through: {exc}") from exc
        quality = quality_of(found.model_dump(mode="json"))
        if quality is None:
            raise AssetError("unmeasurable", "The analysis cannot be read.")
        return Analyzed(quality, _facts(found, PurePosixPath(key).suffix.removeprefix(".")))


def _facts(found: Analysis, suffix: str) -> MediaFacts:
    video, timing, sound = found.video, found.timing, found.sound
    width, height = video.width, video.height
    if video.rotation % 180:
        width, height = height, width
    formats = found.container.format.split(",")
    return MediaFacts(
        container=suffix if suffix in formats else formats[0],
        duration_s=round(timing.duration_s, 3),
        width=width,
        height=height,
        fps=round(timing.frames / timing.duration_s, 3) if timing.duration_s else None,
        frames=timing.frames,
        video_codec=video.codec,
        pixel_format=video.pixel_format,
        audio_codec=sound.codec if sound else None,
        sample_rate_hz=sound.sample_rate_hz if sound else None,
        channels=sound.channels if sound else None,
    )
