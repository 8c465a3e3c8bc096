"""Looks through videos with the container's own analysis. Imported by Check only: hostile bytes.

`enhance.analysis` comes in the functions' zip, and needs of its package nothing else.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import IO, cast

from dailies.adapters.ranged_reader import RangedReader
from dailies.domain.assets import MediaFacts
from dailies.domain.errors import AssetError
from dailies.domain.ports import Analyzed, Clock, MediaStore
from dailies.domain.quality import quality_of
from enhance.analysis import Analysis, AnalysisError, analyze


class EnhanceAnalyzer:
    """The Analyzer port over `enhance.analysis` and the media bucket."""

    def __init__(self, media: MediaStore, clock: Clock, budget_s: float) -> None:
        self._media = media
        self._clock = clock
        self._budget_s = budget_s

    def analyze(self, key: str, size_bytes: int, *, expected_s: float | None = None) -> Analyzed:
        """Return what decoding all of a file shows.

        Raises:
            AssetError: it cannot be looked through (`unmeasurable`).
            StorageError: the bucket did not answer.
        """
        reader = RangedReader(self._media, key, size_bytes)
        until = self._clock.monotonic() + self._budget_s
        file = cast("IO[bytes]", _Timed(reader, self._clock, until))
        try:
            found = analyze(file, expected_s=expected_s)
        except AnalysisError as exc:
            raise AssetError("unmeasurable", f"The video cannot be looked through: {exc}") from exc
        quality = quality_of(found.model_dump(mode="json"))
        if quality is None:
            raise AssetError("unmeasurable", "The analysis cannot be read.")
        return Analyzed(quality, _facts(found, PurePosixPath(key).suffix.removeprefix(".")))


class _Timed:
    """A file that ends the reading when its time is up: whatever it claims, it costs no more."""

    def __init__(self, file: RangedReader, clock: Clock, until: float) -> None:
        self._file = file
        self._clock = clock
        self._until = until
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes.

        Raises:
            AssetError: the time is up (`unmeasurable`).
        """
        if self._clock.monotonic() > self._until:
            raise AssetError("unmeasurable", "Looking through the video takes too long.")
        return self._file.read(size)


def _facts(found: Analysis, suffix: str) -> MediaFacts:
    video, timing, sound = found.video, found.timing, found.sound
    width, height = video.width, video.height
    if video.rotation % 180:
        width, height = height, width
    formats = found.container.format.split(",")  # of a family: `mov,mp4,m4a,3gp`
    named = next((name for name in (suffix, "mp4") if name in formats), formats[0])
    return MediaFacts(
        container=named,
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
