"""Who may call Kling: an API key everywhere, a token of an access key on the older paths only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from local.simulators.clock import Clock, SystemClock

MISSING, INVALID, NOT_YET, EXPIRED = 1001, 1002, 1003, 1004


def refusal(
    header: str, credentials: Mapping[str, Any], clock: Clock, *, takes_tokens: bool
) -> int | None:
    """Return the code with which an `Authorization` header is refused, or None where it is good.

    A token is timely if it is so by the simulators' clock or by the wall clock: a client under test
    may keep either.
    """
    header = header.strip()
    if not header:
        return MISSING
    scheme, _, value = header.partition(" ")
    if scheme != "Bearer":
        return INVALID
    if hmac.compare_digest(value.encode(), str(credentials["api_key"]).encode()):
        return None
    claims = _claims(value, credentials) if takes_tokens else None
    if claims is None:
        return INVALID
    times = (clock.now(), SystemClock().now())
    if all(now < claims["nbf"] for now in times):
        return NOT_YET
    return EXPIRED if all(now >= claims["exp"] for now in times) else None


def _claims(token: str, credentials: Mapping[str, Any]) -> dict[str, float] | None:
    """Return when a token of this account is good, or None where it is none."""
    try:
        head, body, signature = token.split(".")
        key = str(credentials["secret_key"]).encode()
        expected = hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest()
        genuine = hmac.compare_digest(_decoded(signature), expected)
        header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
        ours = header["alg"] == "HS256" and claims["iss"] == credentials["access_key"]
        times = {"exp": float(claims["exp"]), "nbf": float(claims.get("nbf", 0))}
    except (ValueError, KeyError, TypeError):
        return None
    return times if genuine and ours else None


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
