"""API Gateway's Lambda authorizer: an API key leads to its tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.boundary import LambdaContext, call
from dailies.handlers.http_event import headers_of
from dailies.services.authorize import authorize


def handler(
    event: Mapping[str, Any], context: LambdaContext, deps: bootstrap.AuthorizePorts | None = None
) -> dict[str, Any]:
    """Return a simple response (payload format 2.0), which API Gateway caches by `Authorization`.

    A store that does not answer is an error, so that API Gateway caches no refusal.
    """
    ports = deps or bootstrap.authorize()

    def serve() -> dict[str, Any]:
        key = authorize(headers_of(event).get("authorization"), keys=ports.keys)
        if key is None:
            return {"isAuthorized": False, "context": {}}
        return {"isAuthorized": True, "context": {"tenant": key.tenant, "key_name": key.name}}

    return call(serve, {})
