"""Access tokens of a Google service account (RFC 7523), fetched through our own client.

google-auth signs the assertion. Its `Credentials.refresh` is not used: it sleeps between retries,
starts threads and reads the wall clock, and importing it takes as long as importing boto3.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, cast

from dailies.domain.errors import ConfigurationError, Rejection
from dailies.providers._context import ProviderContext
from dailies.providers._replies import LooseModel, Number, Text, as_object, as_text, parse_json

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_ASSERTION_S = 3600
_RENEW_BEFORE_S = 300.0
_NEW_S = 60.0
_REFUSED = frozenset({400, 401, 403})


class _TokenReply(LooseModel):
    access_token: Text = ""
    expires_in: Number = 0.0


class ServiceAccount:
    """Hands out one service account's bearer header, renewing the token shortly before its end."""

    def __init__(self, context: ProviderContext) -> None:
        """Read the key file from the secret; nothing is fetched yet.

        Raises:
            ConfigurationError: the secret holds no usable key file.
        """
        self._api = context.api
        self._errors = context.errors
        self._clock = context.clock
        self._key_file = _key_file(context.secret, context.spec.vendor)
        self._signer = _signer(self._key_file)
        self._token = ""
        self._fetched_at = self._renew_at = 0.0

    @property
    def project(self) -> str:
        """The project that the account belongs to; empty where the key file does not tell."""
        return as_text(self._key_file.get("project_id"))

    def header(self) -> dict[str, str]:
        """Return the Authorization header.

        Raises:
            ProviderRejectedError: Google refuses this account.
            ProviderUnavailableError, ProviderThrottledError: no token could be had just now.
        """
        if not self._token or self._clock.monotonic() >= self._renew_at:
            self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> bool:
        """Drop the token after a 401, and tell whether a new one may do: this one was not new."""
        self._token = ""
        return self._clock.monotonic() >= self._fetched_at + _NEW_S

    def _renew(self) -> None:
        reply = self._api.read(
            "POST",
            as_text(self._key_file.get("token_uri")) or _TOKEN_URI,
            headers={},
            form={"grant_type": _GRANT, "assertion": self._assertion()},
        )
        if reply.status in _REFUSED:
            raise self._errors.rejected(Rejection.AUTH, reply)
        token = _TokenReply.model_validate(as_object(reply.json()))
        usable = token.access_token.isascii() and token.access_token.isprintable()
        if not (reply.ok and token.access_token and usable):
            raise self._errors.read_error(reply)
        self._token = token.access_token
        self._fetched_at = self._clock.monotonic()
        self._renew_at = self._fetched_at + max(token.expires_in - _RENEW_BEFORE_S, 0.0)

    def _assertion(self) -> str:
        """Return a signed JWT that says who we are."""
        now = int(self._clock.now().timestamp())
        head = {"alg": "RS256", "typ": "JWT", "kid": self._signer.key_id}
        claims = {
            "iss": self._key_file["client_email"],
            "scope": _SCOPE,
            "aud": as_text(self._key_file.get("token_uri")) or _TOKEN_URI,
            "iat": now,
            "exp": now + _ASSERTION_S,
        }
        text = b".".join(_segment(json.dumps(part).encode()) for part in (head, claims))
        return (text + b"." + _segment(self._signer.sign(text))).decode()


def _signer(key_file: dict[str, Any]) -> Any:
    from google.auth.crypt import RSASigner  # heavy: only who asks for this provider pays for it

    try:
        return cast("Any", RSASigner).from_service_account_info(key_file)
    except (ValueError, TypeError):
        # Not chained: what a key parser says about a key stays out of the logs.
        raise ConfigurationError("The service account's private key is unusable.") from None


def _segment(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _key_file(secret: Mapping[str, Any], vendor: str) -> dict[str, Any]:
    """Return the key file: the secret itself, or its member `service_account` (object or text)."""
    inner = secret.get("service_account", secret)
    key_file = as_object(parse_json(inner.encode()) if isinstance(inner, str) else dict(inner))
    if not (as_text(key_file.get("client_email")) and as_text(key_file.get("private_key"))):
        raise ConfigurationError(f"The secret providers/{vendor} is no service account's key file.")
    return key_file
