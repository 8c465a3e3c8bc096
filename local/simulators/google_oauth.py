"""Google's token endpoint: a service account's signed assertion becomes an access token.

Times are good if they are good by the simulators' clock or by the wall clock: a client under test
shares the first, google-auth knows only the second.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local.simulators.clock import Clock, SystemClock
from local.simulators.server import Request, Response, json_response

_LIFETIME_S = 3599
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LEEWAY_S = 300
_VENDOR_AUDIENCE = "https://oauth2.googleapis.com/token"
"""google-auth names this audience whatever the service account's `token_uri` is."""


@cache
def _pem() -> str:
    """Return a private key: one per process, for making one takes a while."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def new_key() -> dict[str, str]:
    """Return a service account's key and its id."""
    return {"private_key_id": secrets.token_hex(20), "private_key": _pem()}


class RefusedAssertionError(Exception):
    """The assertion is refused; the text says why."""


class TokenEndpoint:
    """Issues and checks access tokens of one service account."""

    def __init__(
        self, token_uri: str, project: str, clock: Clock, key: Mapping[str, str] | None = None
    ) -> None:
        """Make up a service account whose `token_uri` is this endpoint; `key` as `new_key`."""
        self._token_uri = token_uri
        self._project = project
        self._clocks = (clock, SystemClock())
        self._email = f"dailies@{project}.iam.gserviceaccount.com"
        key = key or new_key()
        loaded = serialization.load_pem_private_key(key["private_key"].encode(), password=None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise TypeError("A service account's key is RSA.")
        self._key, self._pem, self._key_id = loaded, key["private_key"], key["private_key_id"]
        self._lock = threading.Lock()
        self._tokens: dict[str, list[float]] = {}

    def service_account(self) -> dict[str, str]:
        """Return the service account as the console's JSON file holds it."""
        return {
            "type": "service_account",
            "project_id": self._project,
            "private_key_id": self._key_id,
            "private_key": self._pem,
            "client_email": self._email,
            "client_id": "100000000000000000001",
            "auth_uri": self._token_uri.removesuffix("/token") + "/o/oauth2/auth",
            "token_uri": self._token_uri,
            "auth_provider_x509_cert_url": self._token_uri.removesuffix("/token")
            + "/oauth2/v1/certs",
            "client_x509_cert_url": self._token_uri.removesuffix("/token")
            + "/robot/v1/metadata/x509/dailies",
            "universe_domain": "googleapis.com",
        }

    def issue(self) -> str:
        """Return a new access token."""
        token = "ya29.c." + secrets.token_urlsafe(48)
        with self._lock:
            self._tokens[token] = [clock.now() + _LIFETIME_S for clock in self._clocks]
        return token

    def known(self, token: str) -> bool:
        """Whether the token is one of ours and not expired."""
        with self._lock:
            ends = self._tokens.get(token, [])
        return any(clock.now() < end for clock, end in zip(self._clocks, ends, strict=False))

    def revoke_all(self) -> None:
        """Make every token invalid."""
        with self._lock:
            self._tokens.clear()

    def exchange(self, request: Request) -> Response:
        """Answer a token request."""
        form = {
            name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()
        }
        if form.get("grant_type") != _GRANT:
            return _refusal(
                "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}"
            )
        try:
            self._check(form.get("assertion", ""))
        except RefusedAssertionError as exc:
            return _refusal("invalid_grant", str(exc))
        document = {"access_token": self.issue(), "expires_in": _LIFETIME_S, "token_type": "Bearer"}
        return json_response(200, document)

    def _check(self, assertion: str) -> None:
        try:
            signed, _, signature = assertion.rpartition(".")
            header, claims = (_decoded(part) for part in signed.split("."))
            self._key.public_key().verify(
                _bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature as exc:
            raise RefusedAssertionError("Invalid JWT Signature.") from exc
        except (ValueError, binascii.Error) as exc:
            raise RefusedAssertionError("Invalid JWT: Failed to parse the token.") from exc
        issued, expires = float(claims.get("iat", 0)), float(claims.get("exp", 0))
        timely = any(issued - _LEEWAY_S < clock.now() < expires for clock in self._clocks)
        if header.get("alg") != "RS256":
            raise RefusedAssertionError("Invalid JWT: the algorithm must be RS256.")
        if claims.get("iss") != self._email:
            raise RefusedAssertionError("Invalid JWT: account not found.")
        if claims.get("aud") not in (self._token_uri, _VENDOR_AUDIENCE):
            raise RefusedAssertionError("Invalid JWT: the audience must be the token endpoint.")
        if not timely or expires - issued > 3600:
            raise RefusedAssertionError(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable"
                " timeframe. Check your iat and exp values in the JWT claim."
            )
        if _SCOPE not in str(claims.get("scope", "")).split():
            raise RefusedAssertionError("Invalid JWT: the scope must include cloud-platform.")


def _refusal(error: str, description: str) -> Response:
    return json_response(400, {"error": error, "error_description": description})


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _decoded(part: str) -> dict[str, Any]:
    document = json.loads(_bytes(part))
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document
