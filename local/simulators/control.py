"""The endpoints under `/_simulator/`: what happened, and how to change what happens next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from local.simulators.scenario import Scenario
from local.simulators.server import Handler, Request, Response, json_response

if TYPE_CHECKING:
    from local.simulators.vendor import VendorSimulator


def add_control_routes(simulator: VendorSimulator) -> None:
    """Serve the control endpoints on the API's port of a simulator."""
    director = simulator.world.director

    def load(request: Request) -> None:
        director.load(Scenario.model_validate_json(request.body))

    routes: list[tuple[str, str, Callable[[Request], Any]]] = [
        ("GET", "tasks", lambda request: task_report(simulator)),
        ("GET", "requests", lambda request: request_report(simulator)),
        ("POST", "reset", lambda request: simulator.reset()),
        ("GET", "scenario", lambda request: director.scenario.model_dump(mode="json")),
        ("POST", "scenario", load),
    ]
    for method, name, answer in routes:
        simulator.api.add(method, f"/_simulator/{name}", _answering(answer))


def _answering(answer: Callable[[Request], Any]) -> Handler:
    def handler(request: Request) -> Response:
        try:
            return json_response(200, answer(request))
        except ValidationError as exc:
            errors = exc.errors(include_context=False, include_url=False, include_input=False)
            return json_response(422, {"errors": errors})

    return handler


def task_report(simulator: VendorSimulator) -> dict[str, Any]:
    """Return the accepted tasks and their numbers; `created` counts what a caller pays for."""
    now = simulator.world.clock.now()
    tasks = simulator.tasks
    return {
        "created": len(tasks),
        "billed": simulator.billed,
        "by_external_id": dict(Counter(task.external_id for task in tasks if task.external_id)),
        "tasks": [
            task.model_dump(mode="json", exclude={"image"})
            | {"status": simulator.status(task, now), "billed": task.billed(now)}
            for task in tasks
        ],
    }


def request_report(simulator: VendorSimulator) -> dict[str, Any]:
    """Return what was asked, by kind and by endpoint, and the callbacks that were sent."""
    store = simulator.store
    callbacks = [sent.model_dump(mode="json") for sent in store.callbacks()]
    return {"calls": store.calls(), "endpoints": store.endpoints(), "callbacks": callbacks}
