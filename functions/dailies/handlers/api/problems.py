"""Errors as RFC 9457 problems: one shape for every answer that is not a success."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dailies.domain.errors import (
    ConflictError,
    FieldProblem,
    InvalidRequestError,
    NotFoundError,
    PipelineError,
    StorageError,
)
from dailies.handlers.api.answer import Answer
from dailies.services.create_job import ModelRetiredError
from dailies.services.share_asset import LinkEndedError

_MAX_ERRORS = 20
_RETRY_AFTER_S = {HTTPStatus.CONFLICT: "1", HTTPStatus.SERVICE_UNAVAILABLE: "5"}


class ProblemDetail(BaseModel):
    """One complaint about one part of the request."""

    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(examples=["/model"])
    """JSON pointer (RFC 6901) into the body; `query/<name>` or `header/<name>` for a parameter."""
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457), whether money was spent, and what to do about it."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    type: str = Field(examples=["urn:dailies:problem:invalid_request"])
    title: str
    status: int
    detail: str
    code: str
    """A stable word to branch on."""
    retryable: bool
    """Whether the same request may succeed later."""
    charged: Literal["yes", "no", "unknown"]
    """Whether this request spent money."""
    hint: str
    errors: list[ProblemDetail]
    trace_id: str
    """Name it when you ask for help: the request's log lines carry it."""


class HttpError(PipelineError):
    """A request that HTTP itself refuses, before any service is asked."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(
        self,
        message: str,
        problems: tuple[FieldProblem, ...] = (),
        *,
        hint: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.problems = problems
        self.hint = hint
        self.headers = headers or {}


class MalformedRequestError(HttpError):
    """Not a request this API could read."""

    code = "malformed_request"


class InvalidParameterError(HttpError):
    """A query parameter or header is missing, unknown or out of range."""

    code = "invalid_parameter"


class UnauthenticatedError(HttpError):
    """Nobody vouches for the caller."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED


class MethodNotAllowedError(HttpError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class BodyTooLargeError(HttpError):
    """The body is larger than any valid request."""

    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaTypeError(HttpError):
    """The body is not declared to be JSON."""

    code = "unsupported_media_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
"""As RFC 9110 has them: `HTTPStatus.phrase` differs between versions of Python."""
_STATUS: tuple[tuple[type[PipelineError], HTTPStatus], ...] = (
    (ModelRetiredError, HTTPStatus.GONE),
    (LinkEndedError, HTTPStatus.GONE),
    (InvalidRequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The first class that fits decides; whatever is not listed is our mistake."""


def problem_answer(error: Exception, *, trace_id: str, spends: bool) -> Answer:
    """Return the answer for an error. `spends` tells whether the request may have spent money."""
    status = _status_of(error)
    ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    known = error if isinstance(error, PipelineError) and status != 500 else None
    code = known.code if known else "internal"
    problem = Problem(
        type=f"urn:dailies:problem:{code}",
        title=TITLES[status],
        status=status,
        detail=str(known) if known else "Something went wrong on our side.",
        code=code,
        retryable=known.retryable if known else False,
        charged="unknown" if ours and spends else "no",
        hint=_hint(error, ours=ours, spends=spends),
        errors=[
            ProblemDetail(pointer=p.pointer, detail=p.detail)
            for p in getattr(error, "problems", ())[:_MAX_ERRORS]
        ],
        trace_id=trace_id,
    )
    headers: dict[str, str] = dict(error.headers) if isinstance(error, HttpError) else {}
    if status in _RETRY_AFTER_S:
        headers["Retry-After"] = _RETRY_AFTER_S[status]
    return Answer(
        status=status,
        body=problem.model_dump_json(),
        headers=headers,
        content_type="application/problem+json",
    )


def field_problems(
    error: ValidationError, prefix: str = "", *, body: object = None
) -> tuple[FieldProblem, ...]:
    """Return a validation error's complaints, without the values that caused them.

    With the `body` that is at fault, each points at a place that is there, or at the member that
    is missing of one: Pydantic also names the kind of thing that it took a value for.
    """
    return tuple(
        FieldProblem(prefix + _pointer(_place(item["loc"], body), rooted=not prefix), item["msg"])
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    )


def _place(loc: tuple[int | str, ...], body: object) -> tuple[int | str, ...]:
    """Return the parts of `loc` that lead into `body`; all of them where there is none."""
    if body is None:
        return loc
    parts: list[int | str] = []
    here = body
    for i, part in enumerate(loc):
        if isinstance(here, dict) and isinstance(part, str):
            members = cast("dict[str, object]", here)
            if part not in members and i + 1 < len(loc):
                continue  # a tag of a union
            parts.append(part)
            here = members.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            parts.append(part)
            items = cast("list[object]", here)
            here = items[part] if part < len(items) else None
    return tuple(parts)


def _pointer(loc: tuple[int | str, ...], *, rooted: bool) -> str:
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in loc]
    return "".join(f"/{part}" for part in parts) if rooted else "/".join(parts)


def _status_of(error: Exception) -> HTTPStatus:
    if isinstance(error, HttpError):
        return error.status
    found = (status for kind, status in _STATUS if isinstance(error, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def _hint(error: Exception, *, ours: bool, spends: bool) -> str:
    if ours and spends:
        return "Send the same request with the same Idempotency-Key: it cannot make a second job."
    return str(getattr(error, "hint", ""))
