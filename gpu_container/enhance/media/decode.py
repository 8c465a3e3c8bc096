"""Frames of a range of time, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from enhance.frames import Frame
from enhance.media.source import Source


@dataclass(slots=True)
class DecodeReport:
    """What became of one range: filled while the frames are read, complete at their end."""

    decoder: str = ""
    """`h264`, or `h264 (nvdec)`."""
    expected: int = 0
    decoded: int = 0
    """With start <= pts < end; context frames are not counted."""
    corrupt: int = 0
    """Of these, how many the decoder had to patch."""
    notes: list[str] = field(default_factory=list[str])

    @property
    def missing(self) -> int:
        """How many frames the file promises and does not give."""
        return max(0, self.expected - self.decoded)

    @property
    def damaged(self) -> bool:
        """Whether the run ends as `partial_input`."""
        return self.missing > 0 or self.corrupt > 0


def frames(
    source: Source,
    start: int,
    end: int,
    before: int = 0,
    after: int = 0,
    *,
    report: DecodeReport | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> Iterator[Frame]:
    """Yield the frames with start <= pts < end, in order, and context around them.

    Args:
        source: Opened by `open_source`.
        start: In the source's time base; the first frame at or after it is the first of the range.
        end: Exclusive.
        before: How many frames before the range are yielded too, as far as there are any.
        after: How many after it.
        report: Filled with what was found.
        device: `cuda` decodes on the GPU where that opens, and says so in the report where not.
        threads: Of a software decoder; None: as many as there are cores, at most 8.

    Raises:
        BadInputError: `alpha_unsupported`, `size_changes`: only decoding showed it.
    """
    raise NotImplementedError
