"""Images as Kling takes them: a URL, or Base64, of a size and shape that it can use."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

import httpx

from dailies.domain.catalogue import InputLimits
from local.simulators.clips import image_size

_MIN_IMAGE_SIDE = 300
_MAX_IMAGE_RATIO = 2.5


class InvalidRequestError(Exception):
    """The request is refused; the text names the field."""


def read_image(value: str, field: str, limits: InputLimits) -> tuple[bytes, bool]:
    """Return an image's bytes, if at hand, and whether its URL could not be read.

    Raises:
        InvalidRequestError: it is neither a URL nor Base64, or not an image that can be used.
    """
    if value.startswith(("http://", "https://")):
        content = _fetch(value, limits.max_bytes) if _on_this_machine(value) else b""
        return content or b"", content is None
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequestError(f"{field}: is neither a URL nor Base64") from exc
    _check_image(content, field, limits)
    return content if image_size(content) else b"", False


def _check_image(content: bytes, field: str, limits: InputLimits) -> None:
    if not content.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        raise InvalidRequestError(f"{field}: image format must be .jpg, .jpeg or .png")
    if len(content) > limits.max_bytes:
        most = limits.max_bytes // 1024**2
        raise InvalidRequestError(f"{field}: image must not exceed {most} MB")
    size = image_size(content)
    if size and min(size) < _MIN_IMAGE_SIDE:
        raise InvalidRequestError(
            f"{field}: image width and height must be at least {_MIN_IMAGE_SIDE}px"
        )
    if size and max(size) > _MAX_IMAGE_RATIO * min(size):
        raise InvalidRequestError(f"{field}: image aspect ratio must be between 1:2.5 and 2.5:1")


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")


def _fetch(url: str, max_bytes: int) -> bytes | None:
    """Return the bytes behind a URL on this machine, or None; no other host is contacted."""
    try:
        response = httpx.get(url, timeout=10, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    usable = (
        response.status_code == 200
        and len(response.content) <= max_bytes
        and image_size(response.content)
    )
    return response.content if usable else None
