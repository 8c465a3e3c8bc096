"""The environment of each function is exactly what its settings model reads."""

from __future__ import annotations

import json

from dailies.settings import OF_HANDLER
from tests.infra.conftest import ROOT, Stage


def test_every_function_has_settings_and_a_handler_when_deployed(prod: Stage, local: Stage) -> None:
    """Each stage has one compute for enhancements; the laptop's is the one with most functions."""
    modules = set(prod.pipeline.functions()) | set(local.pipeline.functions())
    handlers = ROOT / "functions" / "dailies" / "handlers"

    assert modules == set(OF_HANDLER)
    for module in modules:
        assert (handlers / f"{module}.py").exists() or (handlers / module / "__init__.py").exists()


def test_variables_are_those_that_are_read_when_a_function_starts(stage: Stage) -> None:
    for module, function in stage.pipeline.functions().items():
        variables = set(function["Environment"]["Variables"])

        assert variables == OF_HANDLER[module].variables(), module


def test_no_variable_holds_a_secret_when_functions_are_described(stage: Stage) -> None:
    for function in stage.pipeline.functions().values():
        assert "{{resolve:" not in json.dumps(function["Environment"])


def test_simulators_are_unreachable_when_the_stage_is_in_the_cloud(prod: Stage) -> None:
    functions = prod.pipeline.functions()

    assert functions["store"]["Environment"]["Variables"]["OUTBOUND_ALLOW"] == "[]"
    assert functions["api"]["Environment"]["Variables"]["OUTBOUND_ALLOW"] == "[]"
    assert functions["deliver_webhook"]["Environment"]["Variables"]["OUTBOUND_ALLOW"] == "[]"
    assert functions["submit"]["Environment"]["Variables"]["PROVIDER_ENDPOINTS"] == "{}"


def test_public_url_is_the_api_itself_when_the_stage_names_none(prod: Stage) -> None:
    (api_id,) = prod.pipeline.of_type("AWS::ApiGatewayV2::Api")

    for module in ("submit", "resolve", "poll", "send_email"):
        url = prod.pipeline.functions()[module]["Environment"]["Variables"]["PUBLIC_URL"]
        assert url == {"Fn::GetAtt": [api_id, "ApiEndpoint"]}
