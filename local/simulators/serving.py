"""Serving of stored bytes: ranges, entity tags and the faults a download can have."""

from __future__ import annotations

import hashlib
import re

from local.simulators.clock import http_date
from local.simulators.scenario import (
    Action,
    NoRange,
    Slow,
    Truncate,
    WrongContent,
)
from local.simulators.server import Request, Response

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")
_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Sign in</body></html>"


def entity_tag(content: bytes) -> str:
    """Return a strong entity tag of the content."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def serve_bytes(
    request: Request,
    content: bytes,
    *,
    modified_at: float,
    headers: dict[str, str],
    fault: Action | None = None,
) -> Response:
    """Return what Range and If-Range ask for of the content, with `fault` done to it."""
    if isinstance(fault, WrongContent):
        return Response(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE)
    tag = entity_tag(content)
    common = {
        "Content-Type": "video/mp4",
        "ETag": tag,
        "Last-Modified": http_date(modified_at),
    } | headers
    if isinstance(fault, NoRange):
        return Response(200, common, content)
    common["Accept-Ranges"] = "bytes"
    pace = fault.bytes_per_s if isinstance(fault, Slow) else None
    cut = fault.after_bytes if isinstance(fault, Truncate) else None
    wanted = _wanted_range(request, len(content), valid={tag, common["Last-Modified"]})
    if wanted is None:
        return Response(200, common, content, pace, cut)
    first, last = wanted
    if first > last:
        return Response(416, common | {"Content-Range": f"bytes */{len(content)}"})
    part = content[first : last + 1]
    return Response(
        206, common | {"Content-Range": f"bytes {first}-{last}/{len(content)}"}, part, pace, cut
    )


def _wanted_range(request: Request, size: int, *, valid: set[str]) -> tuple[int, int] | None:
    """Return first and last byte (first > last: not satisfiable), or None for all of it."""
    match = _RANGE.match(request.headers.get("range", ""))
    validator = request.headers.get("if-range")
    if match is None or (validator is not None and validator not in valid):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:  # the last n bytes
        return max(0, size - int(last)), size - 1 if int(last) else -1
    if int(first) >= size:
        return size, -1
    end = min(int(last), size - 1) if last else size - 1
    return None if end < int(first) else (int(first), end)
