"""Content types told by first bytes."""

from __future__ import annotations

import pytest

from dailies.domain.media_types import SNIFF_BYTES, sniff


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"\0\0\0\x20ftypisom\0\0\2\0", "video/mp4"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0", "video/quicktime"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "image/avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0AVI LIST", "video/x-msvideo"),
        (b"RIFF\x10\0\0\0????", None),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "video/webm"),
        (b"\n <!DOCTYPE html>", "text/html"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "application/xml"),
        (b' {"error": 1}', "application/json"),
        (b"%PDF-1.7", "application/pdf"),
        (b"plain text", None),
        (b"\0" * SNIFF_BYTES, None),
        (b"", None),
    ],
)
def test_type_is_told_by_the_first_bytes(head: bytes, content_type: str | None) -> None:
    assert sniff(head) == content_type
