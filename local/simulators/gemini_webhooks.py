"""Gemini's webhooks: one when a task ends, signed with a token or with a shared secret.

A webhook that the request asked for carries an RS256 JSON Web Token for its own address; those that
the project registered carry an HMAC by Standard Webhooks.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from local.simulators.callbacks import Callback, CallbackWorker, new_webhook_secret
from local.simulators.clock import rfc3339
from local.simulators.scenario import (
    Action,
    CallbackAction,
    DuplicateCallback,
    ForgedCallback,
    LateCallback,
    NoCallback,
    UnsignedCallback,
)
from local.simulators.state import Task

_TOKEN_LASTS_S = 600
Kind = Literal["genuine", "unsigned", "forged"]


class TokenSigner:
    """One key of the vendor's, by its name."""

    def __init__(self, kid: str | None = None, private_key: str | None = None) -> None:
        """Take this key (PEM), or make one."""
        self.kid = kid or secrets.token_hex(8)
        pem = private_key or new_signing_key()["private_key"]
        loaded = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise TypeError("Tokens are signed with RSA.")
        self._key = loaded

    def jwk(self) -> dict[str, str]:
        """Return the public half as a JSON Web Key."""
        numbers = self._key.public_key().public_numbers()
        n, e = (_segment(v.to_bytes((v.bit_length() + 7) // 8)) for v in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": e}

    def token(self, audience: str, now_s: float) -> str:
        """Return a token for one address."""
        head = {"alg": "RS256", "typ": "JWT", "kid": self.kid}
        claims = {
            "iss": "https://generativelanguage.googleapis.com",
            "aud": audience,
            "iat": int(now_s),
            "exp": int(now_s) + _TOKEN_LASTS_S,
        }
        text = ".".join(_segment(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{_segment(self._key.sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


@dataclass
class RegisteredWebhook:
    """A webhook of the whole project."""

    id: str
    uri: str
    events: list[str]
    secret: str


@dataclass
class Webhooks:
    """Who is told of an end, and how it is signed."""

    worker: CallbackWorker
    signers: list[TokenSigner] = field(default_factory=lambda: [TokenSigner()])
    """The newest first; older ones are still published."""
    registered: list[RegisteredWebhook] = field(default_factory=list[RegisteredWebhook])

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self.signers.insert(0, TokenSigner())

    def key_set(self) -> dict[str, Any]:
        """Return the published keys."""
        return {"keys": [signer.jwk() for signer in self.signers]}

    def schedule(self, task: Task, faults: list[Action]) -> None:
        """Schedule what a task's end will send. The request's own addresses replace the others."""
        failed = task.ending.kind == "failed"
        event, status = (
            ("interaction.failed", "failed") if failed else ("interaction.completed", "succeeded")
        )
        own: list[str] = task.extra.get("webhook_uris") or []
        targets = [(uri, self._token_header(uri)) for uri in own] or [
            (one.uri, _secret_of(one)) for one in self.registered if event in one.events
        ]
        about = [f for f in faults if isinstance(f, CallbackAction) and f.status in (None, status)]
        for uri, signed in targets:
            self._schedule_one(task, event, uri, signed, about)
            for fault in faults:
                if isinstance(fault, ForgedCallback):
                    self._schedule_forged(task, uri, fault)

    def _schedule_one(
        self, task: Task, event: str, uri: str, signed: _Signed, faults: list[CallbackAction]
    ) -> None:
        if any(isinstance(fault, NoCallback) for fault in faults):
            return
        unsigned = any(isinstance(fault, UnsignedCallback) for fault in faults)
        late_s = sum(fault.seconds for fault in faults if isinstance(fault, LateCallback))
        copies = 1 + sum(fault.count for fault in faults if isinstance(fault, DuplicateCallback))
        at = task.ends_at + late_s
        how = _Signed() if unsigned else signed
        callback = _callback(task, event, uri, how, "unsigned" if unsigned else "genuine")
        for _ in range(copies):
            self.worker.schedule(at, callback)

    def _schedule_forged(self, task: Task, uri: str, fault: ForgedCallback) -> None:
        stranger = TokenSigner(self.signers[0].kid)
        signed = _Signed(token=lambda now_s: stranger.token(uri, now_s))
        if not task.extra.get("webhook_uris"):
            signed = _Signed(secret=new_webhook_secret())
        forged = _callback(task, "interaction.completed", uri, signed, "forged")
        self.worker.schedule(task.created_at + fault.after_s, forged)

    def _token_header(self, uri: str) -> _Signed:
        return _Signed(token=lambda now_s: self.signers[0].token(uri, now_s))


@dataclass(frozen=True)
class _Signed:
    secret: str | None = None
    token: Callable[[float], str] | None = None


def _secret_of(webhook: RegisteredWebhook) -> _Signed:
    return _Signed(secret=webhook.secret)


def _callback(task: Task, event: str, uri: str, signed: _Signed, kind: Kind) -> Callback:
    body: dict[str, Any] = {
        "type": event,
        "version": "v1",
        "timestamp": rfc3339(task.ends_at),
        "data": {"id": task.id},
    }
    if metadata := task.extra.get("user_metadata"):
        body["user_metadata"] = metadata
    return Callback(
        task_id=task.id,
        status=event,
        url=uri,
        webhook_id=f"evt_{secrets.token_hex(8)}",
        body=lambda: json.dumps(body).encode(),
        secret=signed.secret,
        token=signed.token,
        kind=kind,
    )


def new_signing_key() -> dict[str, str]:
    """Return a key and its name, as `TokenSigner` takes them."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {"kid": secrets.token_hex(8), "private_key": pem.decode()}


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
