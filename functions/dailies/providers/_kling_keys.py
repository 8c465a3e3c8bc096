"""Kling's two kinds of credentials, and the header they make.

An API key opens both generations of the API. An access key with its secret key makes short-lived
tokens (JWT, RFC 7519), which open the older one only.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dailies.domain.errors import ConfigurationError
from dailies.providers._replies import credential

TOKEN_LIFETIME_S = 1800
TOKEN_LEEWAY_S = 5
"""A token is good from this long ago, for clocks that are a little behind ours."""
_TOKEN_PARTS = ("access_key", "secret_key")


@dataclass(frozen=True)
class KlingKeys:
    """What the secret holds: `api_key`, or `access_key` and `secret_key`, or all three."""

    api_key: str = field(repr=False)
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @classmethod
    def read(cls, secret: Mapping[str, str], vendor: str) -> KlingKeys:
        """Return the keys of a secret.

        Raises:
            ConfigurationError: it has neither kind, or one that no header may hold.
        """
        api_key = credential(secret, "api_key", vendor) if secret.get("api_key") else ""
        pair = ["", ""]
        if any(secret.get(name) for name in _TOKEN_PARTS):
            pair = [credential(secret, name, vendor) for name in _TOKEN_PARTS]
        if not (api_key or pair[0]):
            message = f"The secret providers/{vendor} needs 'api_key', or 'access_key' and"
            raise ConfigurationError(f"{message} 'secret_key'.")
        return cls(api_key, *pair)

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no message may show."""
        return (self.api_key, self.access_key, self.secret_key)

    def header(self, now: dt.datetime, *, takes_tokens: bool) -> dict[str, str] | None:
        """Return the header for a generation, or None where these keys do not open it."""
        if self.api_key:
            return {"Authorization": f"Bearer {self.api_key}"}
        return {"Authorization": f"Bearer {self._token(now)}"} if takes_tokens else None

    def _token(self, now: dt.datetime) -> str:
        """Return a token that is good for half an hour; making one costs nothing."""
        at = int(now.timestamp())
        claims = {
            "iss": self.access_key,
            "exp": at + TOKEN_LIFETIME_S,
            "nbf": at - TOKEN_LEEWAY_S,
        }
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        digest = hmac.new(self.secret_key.encode(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(digest)}"


def _part(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
