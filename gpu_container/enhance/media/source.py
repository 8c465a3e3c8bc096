"""A file that is fit to be enhanced."""

from __future__ import annotations

from dataclasses import dataclass

from enhance.frames import StreamFacts
from enhance.media.facts import Index
from enhance.media.opening import Media


@dataclass(frozen=True, slots=True)
class Source:
    """A scanned file, and what its frames look like once decoded."""

    media: Media
    index: Index
    facts: StreamFacts
    """Of the frames that `decode.frames` yields."""
    notes: tuple[str, ...] = ()
    """For the report: conversions, oddities."""


def open_source(media: Media, index: Index | None = None) -> Source:
    """Refuse what cannot be enhanced, by name; else say what the frames will be.

    Raises:
        BadInputError: of `scan`, where no index is given; `format_unsupported`.
    """
    raise NotImplementedError
