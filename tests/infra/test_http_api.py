"""Routes, who may call them, and what the access log may say."""

from __future__ import annotations

import json

from dailies.handlers.api.routes import OPERATIONS
from infra.http_api import CALLBACK_ROUTE, KEY_ROUTES, PUBLIC_ROUTES
from infra.simulator_function import SIMULATOR_ROUTES
from infra.stage import stage_config
from tests.infra.conftest import Stage, short


def test_every_operation_has_its_route_when_deployed() -> None:
    operations = {f"{operation.method} {operation.path}" for operation in OPERATIONS}

    assert {*KEY_ROUTES, *PUBLIC_ROUTES} == operations | {CALLBACK_ROUTE, "$default"}


def test_routes_ask_for_a_key_unless_they_are_public(stage: Stage) -> None:
    routes = stage.pipeline.properties("AWS::ApiGatewayV2::Route")
    open_routes = {r["RouteKey"] for r in routes if r["AuthorizationType"] == "NONE"}
    guarded = {r["RouteKey"] for r in routes if r["AuthorizationType"] == "CUSTOM"}

    simulated = set(SIMULATOR_ROUTES) if stage_config(stage.name).smoke_simulator else set()
    assert open_routes == set(PUBLIC_ROUTES) | simulated
    assert guarded == set(KEY_ROUTES)
    assert len(routes) == len(open_routes) + len(guarded)
    assert all("AuthorizerId" in r for r in routes if r["AuthorizationType"] == "CUSTOM")


def test_callbacks_go_to_their_own_function_when_they_arrive(prod: Stage) -> None:
    integrations = prod.pipeline.of_type("AWS::ApiGatewayV2::Integration")
    functions = {
        route["RouteKey"]: short(
            integrations[route["Target"]["Fn::Join"][1][1]["Ref"]]["Properties"]["IntegrationUri"]
        )
        for route in prod.pipeline.properties("AWS::ApiGatewayV2::Route")
    }

    assert functions.pop(CALLBACK_ROUTE) == "FunctionsProviderCallbackLive"
    assert set(functions.values()) == {"FunctionsApiLive"}


def test_authorizer_is_asked_once_in_five_minutes_when_a_key_is_used(stage: Stage) -> None:
    authorizer = stage.pipeline.the_one("AWS::ApiGatewayV2::Authorizer")

    assert authorizer["AuthorizerType"] == "REQUEST"
    assert authorizer["AuthorizerPayloadFormatVersion"] == "2.0"
    assert authorizer["EnableSimpleResponses"] is True
    assert authorizer["AuthorizerResultTtlInSeconds"] == 300
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]


def test_access_log_names_the_route_and_no_path_when_a_request_comes(stage: Stage) -> None:
    deployed = stage.pipeline.the_one("AWS::ApiGatewayV2::Stage")
    line = deployed["AccessLogSettings"]["Format"]

    assert json.loads(line)["routeKey"] == "$context.routeKey"
    for leak in ("$context.path", "$context.identity", "$context.http.path", "queryString"):
        assert leak not in line


def test_requests_are_limited_when_they_come_in_masses(stage: Stage) -> None:
    deployed = stage.pipeline.the_one("AWS::ApiGatewayV2::Stage")

    settings = deployed["DefaultRouteSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (500, 1000)
    assert deployed["AutoDeploy"] is True
