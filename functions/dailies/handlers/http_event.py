"""The parts of an API Gateway event (payload format 2.0) that more than one handler reads."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast


def part_of(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object inside an event; empty where it is missing or null."""
    return cast("dict[str, Any]", event.get(name) or {})


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers by lower-case name. API Gateway has joined repeated ones with commas."""
    return {name.lower(): str(value) for name, value in part_of(event, "headers").items()}


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return the body's bytes, or raise ValueError where they are not valid base64."""
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError("The body is not valid base64.") from exc
