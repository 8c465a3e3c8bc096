"""Authorize a request by its API key: one hash, one look-up."""

from __future__ import annotations

import re

from dailies.domain.access import ApiKey, Keys, secret_sha256

_BEARER = re.compile(r"[Bb]earer +(dk_[A-Za-z0-9_-]{8,128}) *")


def authorize(authorization: str | None, *, keys: Keys) -> ApiKey | None:
    """Return the valid key in an `Authorization` header, or None for anything else.

    Raises:
        StorageError: the store did not answer. It must not become a refusal: those are cached.
    """
    match = _BEARER.fullmatch(authorization or "")
    if match is None:
        return None
    key = keys.find(secret_sha256(match[1]))
    return key if key is not None and key.revoked_at is None else None
