"""An API Gateway in process, as a WSGI application: requests become events, answers come back.

It answers by itself what API Gateway answers by itself: 401 without a key, 403 with a wrong one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from dailies.handlers import authorize
from dailies.handlers.api import handler
from dailies.handlers.api.routes import OPERATIONS
from tests.fakes.api import ApiFakes, api_event

_StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Gateway:
    """The WSGI application."""

    def __init__(self, fakes: ApiFakes) -> None:
        self._fakes = fakes

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        status = HTTPStatus(answer["statusCode"])
        headers = [*answer["headers"].items()]
        start_response(f"{status.value} {status.phrase}", headers)
        body = answer["body"]
        return [base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()]

    def _answer(self, environ: dict[str, Any]) -> dict[str, Any]:
        event = _event(environ)
        if not _is_public(event["rawPath"], event["requestContext"]["http"]["method"]):
            if "authorization" not in event["headers"]:
                return _message(401, "Unauthorized")
            verdict = authorize.handler(event, None, deps=self._fakes)
            if not verdict["isAuthorized"]:
                return _message(403, "Forbidden")
            event["requestContext"]["authorizer"] = {"lambda": verdict["context"]}
        return handler(event, None, deps=self._fakes)


def _event(environ: dict[str, Any]) -> dict[str, Any]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return api_event(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        query=environ.get("QUERY_STRING", ""),
        headers={name: value for name, value in headers.items() if value != ""},
        body=environ["wsgi.input"].read(length) if length else None,
        tenant=None,
        base64_encoded=True,
    )


def _is_public(path: str, method: str) -> bool:
    return any(
        operation.public and operation.method == method and operation.pattern.fullmatch(path)
        for operation in OPERATIONS
    )


def _message(status: int, message: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"message": message}),
        "isBase64Encoded": False,
    }
