"""API Gateway's Lambda authorizer: an API key leads to its tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dailies import bootstrap
from dailies.domain.access import Keys
from dailies.services.authorize import authorize


class AuthorizeDeps(Protocol):
    """What authorizing needs."""

    @property
    def keys(self) -> Keys: ...


def handler(
    event: Mapping[str, Any], context: object, deps: AuthorizeDeps | None = None
) -> dict[str, Any]:
    """Return a simple response (payload format 2.0), which API Gateway caches by the `Authorization` header.

    A store that does not answer is an error, so that API Gateway caches no refusal.
    """
    headers = {str(k).lower(): v for k, v in (event.get("headers") or {}).items()}
    key = authorize(headers.get("authorization"), keys=(deps or bootstrap.authorize()).keys)
    if key is None:
        return {"isAuthorized": False, "context": {}}
    return {"isAuthorized": True, "context": {"tenant": key.tenant, "key_name": key.name}}
