"""RS256 JSON Web Tokens of Google's webhooks, checked with the keys that Google publishes.

google-auth's `jwt.decode` is not used: it reads the wall clock, and takes whichever key fits.
"""

from __future__ import annotations

import base64
from typing import Any

from pydantic import Field

from dailies.domain.ports import Clock
from dailies.providers._failures import VendorErrors
from dailies.providers._http import VendorApi
from dailies.providers._replies import (
    LooseModel,
    Number,
    Objects,
    Text,
    as_list,
    as_object,
    parse_json,
)

SKEW_S = 300.0
"""How far the sender's clock may be from ours."""
_FETCH_TIMEOUT_S = 5.0
"""Shorter than the time that answering a callback may take."""
_KEYS_LAST_S = 3600.0
_ASK_AGAIN_S = 60.0
"""A key that is not known is asked for at most this often: anybody can make up a key's name."""
_MAX_TOKEN_CHARS = 8192


class _Head(LooseModel):
    alg: Text = ""
    kid: Text = ""


class _Claims(LooseModel):
    aud: Any = None
    exp: Number = 0.0
    iat: Number = 0.0
    nbf: Number = 0.0


class _Jwk(LooseModel):
    kty: Text = ""
    kid: Text = ""
    n: Text = ""
    e: Text = ""


class _JwkSet(LooseModel):
    keys: Objects = Field(default_factory=list[dict[str, Any]])


class PublishedKeys:
    """The key set at one fixed address, kept for an hour.

    The address is ours to configure: what a token says about where its key lies is never read.
    """

    def __init__(self, url: str, api: VendorApi, errors: VendorErrors, clock: Clock) -> None:
        """Keep the address; nothing is fetched yet."""
        self._url = url
        self._api = api
        self._errors = errors
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._asked_at: float | None = None

    def verified(self, token: str, audience: str) -> bool:
        """Whether the token is signed by a published key, for `audience`, and still valid.

        Raises:
            ProviderUnavailableError: the keys could not be had, so nothing was found out.
        """
        parts = token.split(".")
        if len(parts) != 3 or len(token) > _MAX_TOKEN_CHARS or not token.isascii():
            return False
        head = _Head.model_validate(as_object(parse_json(_decoded(parts[0]))))
        claims = _Claims.model_validate(as_object(parse_json(_decoded(parts[1]))))
        # The cheap questions first: a stranger's token must not make us fetch keys.
        if head.alg != "RS256" or not head.kid or not self._current(claims, audience):
            return False
        key = self._key(head.kid)
        signed = f"{parts[0]}.{parts[1]}".encode()
        return key is not None and _signature_holds(key, _decoded(parts[2]), signed)

    def _current(self, claims: _Claims, audience: str) -> bool:
        now = self._clock.now().timestamp()
        meant = [claims.aud, *as_list(claims.aud)]
        if audience not in meant or claims.exp <= now - SKEW_S:
            return False
        return max(claims.iat, claims.nbf) <= now + SKEW_S

    def _key(self, kid: str) -> Any:
        """Return a key by its name. A new name is asked for: keys are rotated."""
        now = self._clock.monotonic()
        age_s = None if self._asked_at is None else now - self._asked_at
        unknown = kid not in self._keys
        if age_s is None or age_s >= _KEYS_LAST_S or (unknown and age_s >= _ASK_AGAIN_S):
            self._fetch()
            self._asked_at = now
        return self._keys.get(kid)

    def _fetch(self) -> None:
        reply = self._api.read("GET", self._url, headers={}, timeout_s=_FETCH_TIMEOUT_S)
        rows = _JwkSet.model_validate(as_object(reply.json())).keys
        if not (reply.ok and rows):
            raise self._errors.unavailable(reply)
        keys = [_Jwk.model_validate(row) for row in rows]
        self._keys = {one.kid: key for one in keys if (key := _public_key(one)) is not None}


def _signature_holds(key: Any, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # only who gets a callback pays for it
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _public_key(jwk: _Jwk) -> Any:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    if jwk.kty != "RSA" or not jwk.kid:
        return None
    e, n = (int.from_bytes(_decoded(one)) for one in (jwk.e, jwk.n))
    try:
        return RSAPublicNumbers(e, n).public_key()
    except ValueError:
        return None


def _decoded(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        return b""
