"""Vendors' callbacks: `POST /v1/callbacks/{vendor}/{attempt}/{secret}`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Protocol

from dailies import bootstrap
from dailies.domain.catalogue import Catalogue
from dailies.domain.errors import PipelineError
from dailies.domain.ports import Ledger, Providers, Secrets, Workflow
from dailies.observability import logger
from dailies.services.signal import Signaled, signal_from_callback

_MAX_BODY_BYTES = 256 * 1024
_STATUS = {Signaled.UNKNOWN: 404, Signaled.IGNORED: 204, Signaled.COUNTED: 204}


class CallbackDeps(Protocol):
    """What taking a callback needs."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def workflow(self) -> Workflow: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def secrets(self) -> Secrets: ...


def handler(
    event: Mapping[str, Any], context: object, deps: CallbackDeps | None = None
) -> dict[str, Any]:
    """Answer 204 to whatever comes to an address of ours, and 5xx only where the vendor should send it again."""
    path = event.get("pathParameters") or {}
    body = _body(event)
    if len(body) > _MAX_BODY_BYTES:
        return {"statusCode": 413}
    ports = deps or bootstrap.provider_callback()
    try:
        signaled = signal_from_callback(
            path.get("vendor", ""),
            path.get("attempt", ""),
            path.get("secret", ""),
            {str(k).lower(): str(v) for k, v in (event.get("headers") or {}).items()},
            body,
            ledger=ports.ledger,
            workflow=ports.workflow,
            providers=ports.providers,
            catalogue=ports.catalogue,
            secrets=ports.secrets,
        )
    except PipelineError as exc:
        logger.error("callback", extra={"code": exc.code, "vendor": path.get("vendor")})
        return {"statusCode": 503 if exc.retryable else 500}
    return {"statusCode": _STATUS[signaled]}


def _body(event: Mapping[str, Any]) -> bytes:
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return b""  # no vendor's callback, so nothing that a provider would verify
