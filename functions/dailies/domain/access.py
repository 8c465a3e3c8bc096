"""Who may do what: API keys and links. Of every secret we keep the SHA-256 only."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Protocol

from pydantic import BaseModel, ConfigDict

TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""What a tenant may be called: it becomes part of object keys and row keys."""


def secret_sha256(secret: str) -> str:
    """Return what the table holds of an API key or a link's token: its SHA-256 in lower-case hex.

    Both are 256 random bits, so a plain digest is enough: there is nothing to guess.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class ApiKey(BaseModel):
    """An API key, without the key."""

    model_config = ConfigDict(frozen=True)

    key_sha256: str
    tenant: str
    name: str
    """What its owner calls it; appears in logs, never the key."""
    created_at: dt.datetime
    revoked_at: dt.datetime | None = None


class Link(BaseModel):
    """A link in an e-mail: whoever holds its token may fetch one asset until the link ends."""

    model_config = ConfigDict(frozen=True)

    token_sha256: str
    asset_id: str
    tenant: str
    expires_at: dt.datetime
    revoked_at: dt.datetime | None = None

    def usable(self, now: dt.datetime) -> bool:
        """Return whether it still leads anywhere."""
        return self.revoked_at is None and now < self.expires_at


class Keys(Protocol):
    """API keys. Every method raises StorageError when the store did not answer."""

    def find(self, key_sha256: str) -> ApiKey | None:
        """Return the key with that digest, revoked or not, or None (one read)."""
        ...

    def put(self, key: ApiKey) -> None:
        """Write a key."""
        ...


class Tenants(Protocol):
    """Who is a tenant: whoever has an API key that is not revoked. Raises StorageError."""

    def exists(self, tenant: str) -> bool:
        """Return whether there is such a tenant."""
        ...


class Links(Protocol):
    """Links. Every method raises StorageError when the store did not answer."""

    def find(self, token_sha256: str) -> Link | None:
        """Return the link with that digest, ended or not, or None (one read)."""
        ...

    def put(self, link: Link) -> None:
        """Write a link, or its revocation. Its row goes after `expires_at`, not before."""
        ...
