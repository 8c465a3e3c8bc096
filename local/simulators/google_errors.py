"""Error bodies of Google's APIs."""

from __future__ import annotations

from typing import Any

from local.simulators.scenario import HttpError
from local.simulators.server import Response, json_response

_STATUS_WORD = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MESSAGE = {
    401: "Request had invalid authentication credentials.",
    403: "The caller does not have permission.",
    429: "Resource exhausted. Please try again later.",
    500: "Internal error encountered.",
    503: "The service is currently unavailable.",
    504: "Deadline expired before operation could complete.",
}
_SAFETY_SUPPORT_CODE = 64151117


def google_error(
    status: int,
    message: str,
    *,
    word: str | None = None,
    details: list[dict[str, Any]] | None = None,
    in_array: bool = False,
) -> Response:
    """Return `{"error": {code, message, status, details}}`, as the front end does in an array."""
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "status": word or _STATUS_WORD.get(status, "UNKNOWN"),
    }
    if details:
        error["details"] = details
    return json_response(status, [{"error": error}] if in_array else {"error": error})


def http_error(fault: HttpError) -> Response:
    """Return the body of an HTTP error that a scenario orders."""
    word = fault.code if isinstance(fault.code, str) else None
    message = fault.message or _MESSAGE.get(fault.status, "Unknown Error.")
    return google_error(fault.status, message, word=word, details=retry_info(fault.retry_after_s))


def storage_error(status: int, message: str, reason: str) -> Response:
    """Return an error as the Cloud Storage JSON API writes it."""
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return json_response(status, {"error": {"code": status, "message": message, "errors": errors}})


def retry_info(seconds: float | None) -> list[dict[str, Any]]:
    """Return error details that ask to retry after some seconds, or none."""
    if seconds is None:
        return []
    return [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"}]


def blocked_text(what: str) -> str:
    """Return the sentence with which Veo withholds a video."""
    return (
        f"{what} The request violates Google's Responsible AI practices. Try rephrasing the prompt."
        f" If you think this was an error, send feedback. Support codes: {_SAFETY_SUPPORT_CODE}"
    )
