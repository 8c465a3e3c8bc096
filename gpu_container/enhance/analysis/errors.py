"""What stops an analysis. Its own tree, so that the package can be shipped alone."""

from __future__ import annotations


class AnalysisError(Exception):
    """The file cannot be measured; `code` is a stable word, the message is for a person.

    Codes: `unreadable`, `no_video`, `no_pictures`, `too_large`, `no_ffmpeg`, `size_mismatch`,
    `count_mismatch`, `reference_failed`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
