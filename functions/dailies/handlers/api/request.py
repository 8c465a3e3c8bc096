"""An HTTP request, as an API Gateway event (payload format 2.0) tells it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from dailies.handlers.api.problems import MalformedRequestError

_MAX_QUERY_FIELDS = 50


@dataclass(frozen=True)
class HttpRequest:
    """What the caller sent, and who the authorizer says it is."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    """Names in lower case. API Gateway has joined repeated headers with commas."""
    body: bytes = field(repr=False)
    tenant: str | None
    """From the authorizer; None on a public route."""

    @property
    def media_type(self) -> str:
        """The body's media type without its parameters, in lower case; empty where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_event(event: Mapping[str, Any]) -> HttpRequest:
    """Return the request in an event, or raise MalformedRequestError."""
    context = event["requestContext"]
    lambda_context = (context.get("authorizer") or {}).get("lambda") or {}
    headers = event.get("headers") or {}
    return HttpRequest(
        method=context["http"]["method"],
        path=event["rawPath"],
        query=_query(event.get("rawQueryString") or ""),
        headers={str(name).lower(): str(value) for name, value in headers.items()},
        body=_body(event),
        tenant=lambda_context.get("tenant"),
    )


def trace_id_of(event: Mapping[str, Any]) -> str:
    """Return the id under which this request's log lines are found: X-Ray's where there is one, else API Gateway's."""
    headers = event.get("headers") or {}
    for part in str(headers.get("x-amzn-trace-id", "")).split(";"):
        if part.startswith("Root="):
            return part.removeprefix("Root=")
    return str((event.get("requestContext") or {}).get("requestId", ""))


def _query(raw: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(parse_qsl(raw, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS))
    except ValueError as exc:
        raise MalformedRequestError("The query string has too many parameters.") from exc


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise MalformedRequestError("The body is not valid base64.") from exc
