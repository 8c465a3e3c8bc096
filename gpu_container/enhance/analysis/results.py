"""What an analysis says, as JSON: the form that the workflow, the report and the gates read.

Times are seconds on the file's own clock. Levels of light are counted in 8 bits (0 to 255)
whatever the depth of the source.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Span(_Part):
    """A stretch of time, half open."""

    start_s: float
    end_s: float


class Spans(_Part):
    """Stretches of one kind."""

    count: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    spans: list[Span] = Field(default_factory=list[Span])
    """The first hundred."""


class StreamEntry(_Part):
    """One stream as the container lists it."""

    index: int
    kind: Literal["video", "audio", "subtitle", "attachment", "data"]
    codec: str | None
    language: str | None = None


class ContainerFacts(_Part):
    """What the file says of itself."""

    format: str
    """FFmpeg's short names of the demuxer, such as `matroska,webm`."""
    duration_s: float | None
    size_bytes: int | None
    bit_rate: int | None
    chapters: int
    streams: list[StreamEntry]


class VideoFacts(_Part):
    """The picture stream that is measured: the first that is no cover."""

    index: int
    codec: str
    width: int
    height: int
    """As coded, before rotation."""
    pixel_format: str
    rotation: int
    """Degrees by which a player turns the picture."""
    sample_aspect: str
    primaries: int
    transfer: int
    matrix: int
    full_range: bool
    """The three tags as H.273 numbers them; 2 is unspecified."""


class Timing(_Part):
    """When the pictures are shown."""

    frames: int
    start_s: float
    end_s: float
    """End of the last picture."""
    duration_s: float
    interval_s: float
    """Median of the time between neighbours; 0 where there is one picture."""
    variable: bool
    """More than one interval in twenty lies off the median by over a fifth."""
    not_increasing: int
    """Pictures whose time does not come after that of the one before."""
    gaps: Spans
    """Intervals of over three medians."""
    damaged_packets: int
    """Packets that could not be decoded."""
    corrupt_frames: int
    """Pictures that the decoder marked as damaged."""


class Pictures(_Part):
    """What the pictures look like."""

    black: Spans
    frozen: Spans
    """The picture does not change for a second or more."""
    duplicates: int
    """Pictures that repeat the one before."""
    brightness: float
    """Mean luma."""
    sharpness: float
    """Mean variance of the Laplacian of luma; higher is sharper."""
    blockiness: float
    """Steps in luma on the 8 x 8 grid over steps elsewhere: about 1 without block artefacts."""
    flicker: float
    """Mean over time of how far the light of a picture lies off its neighbours' mean, in levels."""


class Sound(_Part):
    """The first audio stream."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    start_s: float
    end_s: float
    integrated_lufs: float | None
    """EBU R128 integrated loudness; None below the gate of -70 LUFS, or where not measurable."""
    range_lu: float | None
    true_peak_dbtp: float | None
    """None for digital silence."""
    silent: Spans
    """Below -60 dBFS (RMS) for half a second or more."""
    damaged_packets: int


class ReferenceScores(_Part):
    """Against a reference, frame by frame in order, pooled by the mean."""

    frames: int
    psnr_y: float
    psnr_cb: float | None
    psnr_cr: float | None
    psnr_y_min: float
    ssim: float
    vmaf: float
    """Model vmaf_v0.6.1."""
    vmaf_neg: float
    """Model vmaf_v0.6.1neg: sharpening earns nothing here."""
    vmaf_min: float


class Verdict(_Part):
    """One thing that a person would want to know, by a stable word."""

    code: str
    level: Literal["fail", "warn"]
    """`fail`: nobody would accept this file as a video."""
    message: str
    measured: float
    threshold: float


class Analysis(_Part):
    """One file, measured."""

    v: Literal[1] = 1
    container: ContainerFacts
    video: VideoFacts
    timing: Timing
    pictures: Pictures
    sound: Sound | None
    reference: ReferenceScores | None = None
    verdicts: list[Verdict]
