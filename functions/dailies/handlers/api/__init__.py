"""The HTTPS API: one Lambda behind every route of `/v1`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dailies import bootstrap
from dailies.handlers.api.contract import ApiDeps
from dailies.handlers.api.dispatch import find_operation, run
from dailies.handlers.api.problems import problem_answer
from dailies.handlers.api.request import parse_event, trace_id_of
from dailies.handlers.api.routes import OPERATIONS


def handler(
    event: Mapping[str, Any], context: object, deps: ApiDeps | None = None
) -> dict[str, Any]:
    """Answer an API Gateway event (payload format 2.0). Never raises: whatever goes wrong is a problem document."""
    trace_id = trace_id_of(event)
    spends = False
    try:
        request = parse_event(event)
        operation, path = find_operation(OPERATIONS, request)
        spends = operation.spends
        answer = run(operation, path, request, deps or bootstrap.api(), trace_id=trace_id)
    except Exception as exc:
        answer = problem_answer(exc, trace_id=trace_id, spends=spends)
    return answer.as_event()
