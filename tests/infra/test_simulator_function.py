"""The simulated vendor: where it is deployed, what it may do, and who is offered it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.simulator_function import SIMULATOR_ROUTES
from infra.stage import stage_config
from tests.infra.conftest import Stage, Template, short, statements, synthesize

HANDLER = "simulated_vendor.handler"


@pytest.fixture(scope="module")
def staging() -> Stage:
    return synthesize("staging")


def simulators(template: Template) -> list[dict[str, Any]]:
    functions = template.properties("AWS::Lambda::Function")
    return [one for one in functions if one["Handler"] == HANDLER]


def test_simulator_is_deployed_when_the_stage_asks_for_it(stage: Stage) -> None:
    wanted = stage_config(stage.name).smoke_simulator
    routes = {one["RouteKey"] for one in stage.pipeline.properties("AWS::ApiGatewayV2::Route")}

    assert len(simulators(stage.pipeline)) == wanted
    assert (routes & set(SIMULATOR_ROUTES) == set(SIMULATOR_ROUTES)) == wanted


def test_production_has_no_simulator_unless_someone_decides_so() -> None:
    assert not stage_config("prod").smoke_simulator


def test_it_reads_one_secret_and_nothing_else_when_it_runs(staging: Stage) -> None:
    (function,) = simulators(staging.pipeline)
    logical_id = function["Role"]["Fn::GetAtt"][0]
    allowed = statements(staging.pipeline.body["Resources"][logical_id]["Properties"])
    logs = {pair for pair in allowed if pair[0].startswith("logs:")}

    assert {action for action, _ in logs} == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert allowed - logs == {
        (
            "secretsmanager:GetSecretValue",
            "secretsmanager:secret:dailies/staging/providers/simulator-??????",
        ),
        ("xray:PutTelemetryRecords", "*"),
        ("xray:PutTraceSegments", "*"),
    }  # fmt: skip


def test_it_has_neither_layer_nor_product_code_when_it_is_deployed(staging: Stage) -> None:
    (function,) = simulators(staging.pipeline)
    product = staging.pipeline.functions()["api"]

    assert "Layers" not in function
    assert function["Code"] != product["Code"]
    assert function["Environment"]["Variables"] == {
        "SECRET_NAME": "dailies/staging/providers/simulator"
    }


def test_its_key_is_made_up_when_the_stage_is_deployed(staging: Stage) -> None:
    (secret,) = (
        one
        for one in staging.data.properties("AWS::SecretsManager::Secret")
        if one.get("Name", "").endswith("/simulator")
    )

    made = secret["GenerateSecretString"]
    assert (made["GenerateStringKey"], made["SecretStringTemplate"]) == ("api_key", "{}")
    assert "SecretString" not in secret


def test_adapters_find_it_when_they_ask_for_its_address(staging: Stage) -> None:
    for module in ("submit", "resolve", "poll", "store", "provider_callback"):
        variables = staging.pipeline.functions()[module]["Environment"]["Variables"]
        assert short(variables["PROVIDER_ENDPOINTS"]) == '{"simulator": "HttpApi/simulator"}'


@pytest.mark.parametrize(("name", "withheld"), [("staging", []), ("prod", ["simulator"])])
def test_tenants_are_offered_it_only_where_it_is_deployed(name: str, withheld: list[str]) -> None:
    variables = synthesize(name).pipeline.functions()["api"]["Environment"]["Variables"]

    assert json.loads(variables["WITHHELD_VENDORS"]) == withheld
