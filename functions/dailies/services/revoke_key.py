"""Revoke an API key. The authorizer's cache may let it in for a few minutes more."""

from __future__ import annotations

from dailies.domain.access import Keys, secret_sha256
from dailies.domain.errors import NotFoundError
from dailies.domain.ports import Clock


def revoke_key(key: str, *, keys: Keys, clock: Clock) -> None:
    """End a key for good; the first time of revoking stands.

    Raises:
        NotFoundError: there is no such key.
    """
    found = keys.find(secret_sha256(key))
    if found is None:
        raise NotFoundError("There is no such API key.")
    if found.revoked_at is None:
        keys.put(found.model_copy(update={"revoked_at": clock.now()}))
