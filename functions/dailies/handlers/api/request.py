"""An HTTP request, as an API Gateway event (payload format 2.0) tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from dailies.handlers.api.problems import MalformedRequestError
from dailies.handlers.http_event import body_of, headers_of, part_of

_MAX_QUERY_FIELDS = 50
_TRACE_ROOT = re.compile(r"Root=(1-[0-9a-f]{8}-[0-9a-f]{24})")


@dataclass(frozen=True)
class HttpRequest:
    """What the caller sent, and who the authorizer says it is."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = field(repr=False)
    tenant: str | None
    """From the authorizer; None on a public route."""

    @property
    def media_type(self) -> str:
        """The body's media type in lower case, without parameters; empty where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_event(event: Mapping[str, Any]) -> HttpRequest:
    """Return the request in an event, or raise MalformedRequestError."""
    context = part_of(event, "requestContext")
    said = part_of(part_of(context, "authorizer"), "lambda")
    try:
        body = body_of(event)
    except ValueError as exc:
        raise MalformedRequestError(str(exc)) from exc
    return HttpRequest(
        method=str(context["http"]["method"]),
        path=str(event["rawPath"]),
        query=_query(str(event.get("rawQueryString") or "")),
        headers=headers_of(event),
        body=body,
        tenant=said.get("tenant"),
    )


def trace_id_of(event: Mapping[str, Any]) -> str:
    """Return the id that finds this request's log lines: X-Ray's, else API Gateway's."""
    # API Gateway keeps a header that the caller sent: only an id of the right form is one.
    for part in headers_of(event).get("x-amzn-trace-id", "").split(";"):
        if root := _TRACE_ROOT.fullmatch(part):
            return root[1]
    return str(part_of(event, "requestContext").get("requestId", ""))


def _query(raw: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(parse_qsl(raw, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS))
    except ValueError as exc:
        raise MalformedRequestError("The query string has too many parameters.") from exc
