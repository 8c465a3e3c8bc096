"""The HTTPS API: one Lambda behind every route of `/v1`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.bootstrap import ApiPorts
from dailies.domain.errors import PipelineError
from dailies.handlers.api.dispatch import find_operation, run
from dailies.handlers.api.problems import problem_answer
from dailies.handlers.api.request import parse_event, trace_id_of
from dailies.handlers.api.routes import OPERATIONS
from dailies.observability import bind, logger


def handler(
    event: Mapping[str, Any], context: object, deps: ApiPorts | None = None
) -> dict[str, Any]:
    """Answer an API Gateway event (format 2.0). Whatever goes wrong is a problem document."""
    trace_id = trace_id_of(event)
    spends = False
    bind()
    try:
        request = parse_event(event)
        operation, path = find_operation(OPERATIONS, request)
        bind(route=operation.id, tenant=request.tenant)
        spends = operation.spends
        answer = run(operation, path, request, deps or bootstrap.api(), trace_id=trace_id)
    except Exception as exc:
        answer = problem_answer(exc, trace_id=trace_id, spends=spends)
        if answer.status >= 500:
            known = isinstance(exc, PipelineError)
            code = exc.code if known else type(exc).__name__
            logger.error("api", extra={"code": code, "trace_id": trace_id}, exc_info=not known)
    return answer.as_event()
