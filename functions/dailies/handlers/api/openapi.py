"""The OpenAPI 3.1 document, made from the operations that serve the requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dailies.handlers.api.contract import PATH_PARAMETERS, AnyOperation, Parameters, Success
from dailies.handlers.api.dispatch import MAX_BODY_BYTES
from dailies.handlers.api.problems import TITLES, Problem
from dailies.handlers.api.routes import OPERATIONS

_REF = "#/components/schemas/{model}"
_ABOUT = """\
Create video generation jobs, watch them, fetch their results.

Every answer that is not a success is an RFC 9457 problem, but for the few that API Gateway gives
by itself (`GatewayMessage`): a missing or refused API key, too many requests, no answer from us.
Unknown fields of a body and unknown query parameters are refused.
"""
_TEXT: dict[str, Any] = {"type": "string"}
HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Allow": ("The methods that this path has.", _TEXT),
    "Deprecation": (
        "Since when one of the job's models is deprecated (RFC 9745).",
        {"type": "string", "pattern": "^@[0-9]+$"},
    ),
    "ETag": ("Names this version of the job; send it as `If-None-Match`.", _TEXT),
    "Idempotency-Replayed": (
        "Present where this is the stored answer of an earlier request.",
        {"type": "string", "enum": ["true"]},
    ),
    "Location": ("Where it is.", _TEXT),
    "Preference-Applied": ("The preference that was honoured (RFC 7240).", _TEXT),
    "Referrer-Policy": (
        "Keeps the link's token from the next server.",
        {"type": "string", "enum": ["no-referrer"]},
    ),
    "Retry-After": ("Seconds after which to come back.", {"type": "integer", "minimum": 1}),
    "Sunset": ("When the first of the job's models retires (RFC 8594).", _TEXT),
}
_ALWAYS_SENT = {"Location", "ETag", "Allow", "Referrer-Policy"}
_PROBLEMS = {
    400: "Malformed: the JSON, a parameter or a header.",
    401: "There is no API key.",
    403: "The API key is not valid.",
    404: "There is no such thing, or it is not yours.",
    405: "The path has no such method.",
    409: "Another request is changing the same thing; try again.",
    410: "It was there, and is no more; `hint` names what to use instead.",
    413: f"The body has more than {MAX_BODY_BYTES} bytes.",
    415: "The body is not `application/json`.",
    422: "The body cannot be carried out as written; `errors` tells where.",
    429: "Too many requests.",
    500: "Our mistake.",
    503: "Our storage did not answer; try again.",
}
_BY_GATEWAY = {401, 403, 413, 429, 500, 503}
_ONLY_BY_GATEWAY = {403, 429}
_PROBLEM_HEADERS = {405: ["Allow"], 409: ["Retry-After"], 503: ["Retry-After"]}


@cache
def document_json() -> str:
    """Return the document as JSON text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """Return the document."""
    refs, schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dailies", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"ApiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": _problem_answers(refs),
            "securitySchemes": {
                "ApiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer dk_…`",
                }
            },
        },
    }


_Refs = Mapping[tuple[Any, str], dict[str, Any]]


def _schemas() -> tuple[_Refs, dict[str, Any]]:
    """Return a reference to each model's schema by direction, and all the schemas."""
    wanted: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization")]
    for operation in OPERATIONS:
        if operation.body is not None:
            wanted.append((operation.body, "validation"))
        wanted += [(s.body, "serialization") for s in operation.successes if s.body]
    refs, definitions = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_REF)
    schemas: dict[str, Any] = dict(definitions["$defs"])
    schemas["GatewayMessage"] = {
        "title": "GatewayMessage",
        "description": "What API Gateway answers by itself.",
        "type": "object",
        "properties": {"message": {"type": ["string", "null"]}},
        "required": ["message"],
    }
    return cast("_Refs", refs), schemas


def _operation(operation: AnyOperation, refs: _Refs) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_parameters(operation)],
        "responses": _responses(operation, refs),
    }
    if operation.public:
        described["security"] = []
    if operation.body is not None:
        media = {"schema": refs[operation.body, "validation"], "example": operation.example}
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": media},
        }
    return described


def _parameters(operation: AnyOperation) -> list[dict[str, Any]]:
    names = operation.pattern.groupindex
    path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name].description,
            "schema": {"type": "string", "pattern": f"^{PATH_PARAMETERS[name].pattern.pattern}$"},
            "example": PATH_PARAMETERS[name].example,
        }
        for name in names
    ]
    return [*path, *_of(operation.query, "query"), *_of(operation.headers, "header")]


def _of(model: type[Parameters], where: str) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    described: list[dict[str, Any]] = []
    for name, value in schema.get("properties", {}).items():
        parameter = {"name": name, "in": where, "required": name in schema.get("required", ())}
        parameter["description"] = value.pop("description", "")
        if examples := value.pop("examples", None):
            parameter["example"] = examples[0]
        described.append({**parameter, "schema": _wire(value)})
    return described


def _wire(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without what a query or a header cannot say: null."""
    schema.pop("title", None)
    options = [o for o in schema.pop("anyOf", []) if o.get("type") != "null"]
    if schema.get("default", ...) is None:
        schema.pop("default")
    return {**schema, **(options[0] if options else {})}


def _responses(operation: AnyOperation, refs: _Refs) -> dict[str, Any]:
    responses: dict[str, Any] = {str(s.status): _success(s, refs) for s in operation.successes}
    for status in sorted(_statuses(operation)):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return responses


def _problem_answers(refs: _Refs) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, about in _PROBLEMS.items():
        content: dict[str, Any] = {}
        if status not in _ONLY_BY_GATEWAY:
            content["application/problem+json"] = {"schema": refs[Problem, "serialization"]}
        if status in _BY_GATEWAY:
            content |= _content({"$ref": _REF.format(model="GatewayMessage")})
        answers[f"Problem{status}"] = {
            "description": f"{TITLES[status]}. {about}",
            "content": content,
            **_headers(_PROBLEM_HEADERS.get(status, [])),
        }
    return answers


def _statuses(operation: AnyOperation) -> set[int]:
    statuses = {400, 405, 413, 429, 500, 503, *operation.problems}
    if not operation.public:
        statuses |= {401, 403}
    if operation.pattern.groupindex:
        statuses.add(404)
    if operation.body is not None:
        statuses |= {415, 422}
    return statuses


def _success(success: Success, refs: _Refs) -> dict[str, Any]:
    described: dict[str, Any] = {"description": success.description}
    if success.body is not None:
        described["content"] = _content(refs[success.body, "serialization"])
    if success.leads_to:
        described["links"] = _links(success.leads_to)
    return {**described, **_headers(success.headers)}


def _links(name: str) -> dict[str, Any]:
    return {
        op.id: {"operationId": op.id, "parameters": {name: f"$response.body#/{name}"}}
        for op in OPERATIONS
        if name in op.pattern.groupindex
    }


def _headers(names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {}
    described = {
        name: {
            "description": HEADERS[name][0],
            "required": name in _ALWAYS_SENT,
            "schema": HEADERS[name][1],
        }
        for name in names
    }
    return {"headers": described}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
