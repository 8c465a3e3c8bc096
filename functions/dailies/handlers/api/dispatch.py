"""From a request to its operation: finds it, checks the request against it, runs it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from dailies.bootstrap import ApiPorts
from dailies.domain.errors import FieldProblem, InvalidRequestError, NotFoundError
from dailies.handlers.api.answer import Answer
from dailies.handlers.api.contract import PATH_PARAMETERS, AnyOperation, Call, Parameters
from dailies.handlers.api.problems import (
    BodyTooLargeError,
    InvalidParameterError,
    MalformedRequestError,
    MethodNotAllowedError,
    UnauthenticatedError,
    UnsupportedMediaTypeError,
    field_problems,
)
from dailies.handlers.api.request import HttpRequest

MAX_BODY_BYTES = 512 * 1024
"""More than the longest valid request takes when every character is escaped."""


def find_operation(
    operations: Sequence[AnyOperation], request: HttpRequest
) -> tuple[AnyOperation, dict[str, str]]:
    """Return the operation that serves a request, and the parts of its path.

    Raises:
        NotFoundError: nothing has this path.
        MethodNotAllowedError: only other methods have it.
    """
    matches = [(op, m) for op in operations if (m := op.pattern.fullmatch(request.path))]
    if not matches:
        raise NotFoundError("There is nothing at this path.")
    for operation, match in matches:
        if operation.method == request.method:
            return operation, match.groupdict()
    allow = ", ".join(sorted(op.method for op, _ in matches))
    raise MethodNotAllowedError(f"This path allows {allow}.", headers={"Allow": allow})


def run(
    operation: AnyOperation,
    path: dict[str, str],
    request: HttpRequest,
    ports: ApiPorts,
    *,
    trace_id: str,
) -> Answer:
    """Check a request against its operation's declaration, and run the operation."""
    call = Call[Any, Any, Any](
        tenant=_tenant(operation, request),
        path=_path(path),
        query=_query(operation, request),
        headers=_headers(operation.headers, request),
        body=_body(operation, request),
        trace_id=trace_id,
    )
    try:
        return operation.run(call, ports)
    except InvalidRequestError as exc:
        if operation.body is not None:
            raise
        problems = tuple(FieldProblem(f"query{p.pointer}", p.detail) for p in exc.problems)
        raise InvalidParameterError(str(exc), problems, hint=exc.hint) from exc


def _tenant(operation: AnyOperation, request: HttpRequest) -> str:
    if operation.public:
        return ""
    if not request.tenant:
        raise UnauthenticatedError("This request needs an API key.")
    return request.tenant


def _path(parts: dict[str, str]) -> dict[str, str]:
    for name, value in parts.items():
        if not PATH_PARAMETERS[name].pattern.fullmatch(value):
            raise NotFoundError("There is nothing at this path.")
    return parts


def _query(operation: AnyOperation, request: HttpRequest) -> Parameters:
    values: dict[str, str] = {}
    for name, value in request.query if not operation.any_query else ():
        if name in values:
            problem = FieldProblem(f"query/{name}", "It is given more than once.")
            raise InvalidParameterError("A query parameter is repeated.", (problem,))
        values[name] = value
    return _parameters(operation.query, values, "query/")


def _headers(model: type[Parameters], request: HttpRequest) -> Parameters:
    names = [info.alias or name for name, info in model.model_fields.items()]
    present = {
        name: request.headers[name.lower()] for name in names if name.lower() in request.headers
    }
    return _parameters(model, present, "header/")


def _parameters(model: type[Parameters], values: dict[str, str], prefix: str) -> Parameters:
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        problems = field_problems(exc, prefix)
        raise InvalidParameterError(f"{problems[0]}.", problems) from exc


def _body(operation: AnyOperation, request: HttpRequest) -> BaseModel | None:
    if len(request.body) > MAX_BODY_BYTES:
        raise BodyTooLargeError(f"A body has at most {MAX_BODY_BYTES} bytes.")
    if operation.body is None:
        return None
    if operation.body_optional and not request.body:
        return operation.body()
    if request.media_type != "application/json":
        raise UnsupportedMediaTypeError("The body must be sent as application/json.")
    try:
        return _validated(operation.body, request.body)
    except ValidationError as exc:
        if "json_invalid" in _types(exc):
            raise MalformedRequestError("The body is not valid JSON.", field_problems(exc)) from exc
        problems = field_problems(exc, body=json.loads(request.body))
        raise InvalidRequestError("The body is not a valid request.", problems) from exc


def _validated(model: type[BaseModel], body: bytes) -> BaseModel:
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as exc:
        if "int_type" not in _types(exc):
            raise
    # JSON Schema has one kind of number: 5.0 is the integer 5, which the strict mode does not know.
    return model.model_validate_json(json.dumps(_integral(json.loads(body))), strict=True)


def _integral(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_integral(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _integral(member) for name, member in members.items()}
    return value


def _types(error: ValidationError) -> set[str]:
    return {item["type"] for item in error.errors(include_url=False, include_input=False)}
