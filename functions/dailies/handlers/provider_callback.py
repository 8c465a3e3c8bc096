"""Vendors' callbacks: `POST /v1/callbacks/{vendor}/{attempt}/{secret}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.domain.errors import PipelineError
from dailies.handlers.boundary import LambdaContext, log_failure
from dailies.handlers.http_event import body_of, headers_of, part_of
from dailies.observability import bind
from dailies.services.signal import Signaled, signal_from_callback

_MAX_BODY_BYTES = 256 * 1024
_STATUS = {Signaled.UNKNOWN: 404, Signaled.IGNORED: 204, Signaled.COUNTED: 204}


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: bootstrap.CallbackPorts | None = None
) -> dict[str, Any]:
    """Answer 204 to whatever comes to an address of ours; 5xx where it should be sent again."""
    path = part_of(event, "pathParameters")
    try:
        body = body_of(event)
    except ValueError:
        return {"statusCode": 400}
    if len(body) > _MAX_BODY_BYTES:
        return {"statusCode": 413}
    ports = deps or bootstrap.provider_callback()
    bind(vendor=path.get("vendor"))
    try:
        signaled = signal_from_callback(
            path.get("vendor", ""),
            path.get("attempt", ""),
            path.get("secret", ""),
            headers_of(event),
            body,
            ledger=ports.ledger,
            workflow=ports.workflow,
            providers=ports.providers,
            catalogue=ports.catalogue,
            secrets=ports.secrets,
            public_url=ports.public_url,
        )
    except PipelineError as exc:
        log_failure("callback", exc)
        return {"statusCode": 503 if exc.retryable else 500}
    return {"statusCode": _STATUS[signaled]}
