"""The routes about the service itself: models, health, and the OpenAPI document."""

from __future__ import annotations

from dailies.bootstrap import ApiPorts
from dailies.handlers.api.answer import Answer, json_answer
from dailies.handlers.api.contract import Call, Document, Operation, Parameters, Success
from dailies.handlers.api.views import Health, ModelList, model_list

_NoBody = Call[Parameters, Parameters, None]


def models(call: _NoBody, ports: ApiPorts) -> Answer:
    """Return the catalogue."""
    view = model_list(ports.catalogue, ports.clock.now().date())
    return json_answer(200, view, {"Cache-Control": "private, max-age=300"})


def health(call: _NoBody, ports: ApiPorts) -> Answer:
    """Answer. Nothing behind the API is asked: its trouble is not the API's own."""
    return json_answer(200, Health())


def openapi(call: _NoBody, ports: ApiPorts) -> Answer:
    """Return the OpenAPI document of exactly this code."""
    # A rare request: its import would cost every cold start.
    from dailies.handlers.api.openapi import document_json

    headers = {"Cache-Control": "public, max-age=300"}
    return Answer(status=200, body=document_json(), headers=headers)


SERVICE = (
    Operation(
        id="listModels",
        method="GET",
        path="/v1/models",
        tag="Models",
        summary="List the models: what they can do, cost and usually take",
        run=models,
        query=Parameters,
        headers=Parameters,
        successes=(Success(200, "The models, by name.", ModelList),),
    ),
    Operation(
        id="health",
        method="GET",
        path="/healthz",
        tag="Service",
        summary="See whether the API answers",
        run=health,
        query=Parameters,
        headers=Parameters,
        successes=(Success(200, "It does.", Health),),
        public=True,
        any_query=True,
    ),
    Operation(
        id="openapi",
        method="GET",
        path="/openapi.json",
        tag="Service",
        summary="Read this document",
        run=openapi,
        query=Parameters,
        headers=Parameters,
        successes=(Success(200, "An OpenAPI 3.1 document.", Document),),
        public=True,
        any_query=True,
    ),
)
