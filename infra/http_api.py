"""The HTTP API: which routes there are, who may call them, which function answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.api_functions import ApiFunctions
from infra.log_group import build_log_group
from infra.nag import acknowledge
from infra.stage import StageConfig

CALLBACK_ROUTE = "POST /v1/callbacks/{vendor}/{attempt}/{secret}"
PUBLIC_ROUTES = {
    "GET /healthz": "It says only that the API is up.",
    "GET /openapi.json": "It is the API's public description.",
    "GET /v1/links/{token}": "The token in the path is the credential: random, hashed, revocable.",
    CALLBACK_ROUTE: "The path holds a secret per attempt, and vendors have no key of ours.",
}
"""Routes without authorizer, each with the reason."""

KEY_ROUTES = (
    "POST /v1/jobs",
    "POST /v1/quotes",
    "GET /v1/jobs",
    "GET /v1/jobs/{job_id}",
    "GET /v1/jobs/{job_id}/attempts",
    "GET /v1/jobs/{job_id}/events",
    "POST /v1/jobs/{job_id}/cancel",
    "POST /v1/jobs/{job_id}/redrive",
    "GET /v1/models",
    "POST /v1/uploads",
    "GET /v1/assets/{asset_id}",
    "POST /v1/assets/{asset_id}/download-url",
    "$default",
)
"""Routes that ask for an API key. `$default` answers what does not exist."""

_KEY_CACHED_S = 300
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    # Never the path: in public routes it holds a credential.
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latencyMs": "$context.responseLatency",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerError": "$context.authorizer.error",
    "tenant": "$context.authorizer.tenant",
}


class HttpApi(Construct):
    """The gateway. Its address exists before its functions do, so that they can be told of it."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        super().__init__(scope, construct_id)
        self._api = apigateway.HttpApi(
            self,
            "Api",
            create_default_stage=False,
            description=f"Dailies ({stage.name})",
        )
        log_name = f"/aws/vendedlogs/apis/dailies/{stage.name}/access"
        log_group = build_log_group(self, "AccessLog", stage=stage, name=log_name)
        deployed = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self._api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=stage.api_rate_per_s, burst_limit=stage.api_burst
            ),
        )
        self.access_log = log_group
        resource = cast(apigateway.CfnStage, deployed.node.default_child)
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=json.dumps(_ACCESS_LOG)
        )
        self.api_id = self._api.api_id
        # An empty one is a choice: nobody outside can reach this stage.
        given = stage.public_url
        self.url = self._api.api_endpoint if given is None else given

    def answer_with(self, functions: ApiFunctions) -> None:
        """Add every route, answered by these functions."""
        authorizer = authorizers.HttpLambdaAuthorizer(
            "ApiKey",
            functions.authorize.alias,
            identity_source=["$request.header.Authorization"],
            response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
            results_cache_ttl=Duration.seconds(_KEY_CACHED_S),
        )
        api = _integration("Api", functions.api.alias)
        callback = _integration("Callback", functions.provider_callback.alias)
        for route in KEY_ROUTES:
            self._add_route(route, api, authorizer)
        for route, reason in PUBLIC_ROUTES.items():
            target = callback if route == CALLBACK_ROUTE else api
            added = self._add_route(route, target, apigateway.HttpNoneAuthorizer())
            acknowledge(added, "APIG4", reason)

    def add_public_routes(self, routes: Mapping[str, str], function: lambda_.IFunction) -> None:
        """Add routes without authorizer, each with the reason, answered by one function."""
        target = _integration(function.node.id, function)
        for route, reason in routes.items():
            acknowledge(
                self._add_route(route, target, apigateway.HttpNoneAuthorizer()), "APIG4", reason
            )

    def _add_route(
        self,
        route: str,
        target: integrations.HttpLambdaIntegration,
        authorizer: apigateway.IHttpRouteAuthorizer,
    ) -> apigateway.HttpRoute:
        return apigateway.HttpRoute(
            self,
            _construct_id(route),
            http_api=self._api,
            route_key=_route_key(route),
            integration=target,
            authorizer=authorizer,
        )


def _integration(name: str, function: lambda_.IFunction) -> integrations.HttpLambdaIntegration:
    """Let the API as a whole call the function: one permission, however many routes."""
    return integrations.HttpLambdaIntegration(name, function, scope_permission_to_route=False)


def _route_key(route: str) -> apigateway.HttpRouteKey:
    method, _, path = route.partition(" ")
    if not path:
        return apigateway.HttpRouteKey.DEFAULT
    return apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod(method))


def _construct_id(route: str) -> str:
    """Name a route's construct after it: `GET /v1/jobs/{job_id}` is `GetJobsJobId`."""
    return "".join(word.title() for word in re.findall("[A-Za-z]+", route) if word != "v")
