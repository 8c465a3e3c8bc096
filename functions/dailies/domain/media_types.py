"""What a file is, told by its first bytes: never by its name or by what a server claims."""

from __future__ import annotations

from typing import Final

SNIFF_BYTES: Final = 32
"""How many bytes from the start `sniff` needs."""

VIDEO_SUFFIXES: Final = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
}
"""What names of files of a type end in."""

_STILL_BRANDS: Final = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"})
"""`ftyp` brands of images in the same container as MP4."""

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"OggS", "video/ogg"),
    (b"\x47\x40", "video/mp2t"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"%PDF-", "application/pdf"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}


def sniff(head: bytes) -> str | None:
    """Return the content type that a file's first `SNIFF_BYTES` show, or None."""
    if head[4:8] == b"ftyp":
        return _iso_media(head[8:12])
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    for signature, content_type in _SIGNATURES:
        if head.startswith(signature):
            return content_type
    return _text(head)


def _iso_media(brand: bytes) -> str:
    if brand in _STILL_BRANDS:
        return "image/avif" if brand.startswith(b"avi") else "image/heic"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _text(head: bytes) -> str | None:
    """An error page or a JSON reply in place of a file is common enough to be named."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"<?xml"):
        return "application/xml"
    if start.startswith(b"<"):
        return "text/html"
    return "application/json" if start[:1] in (b"{", b"[") else None
