"""What every function has in common, and that the workflows fit them."""

from __future__ import annotations

import json

import pytest

from tests.infra.conftest import ROOT, Stage, short

LAYERS_OF_A_STEP = 1
LAYERS_OF_A_DECODER = 2


def test_every_function_is_small_traced_and_logged_when_deployed(stage: Stage) -> None:
    log_groups = stage.pipeline.of_type("AWS::Logs::LogGroup")

    for module, function in stage.pipeline.functions().items():
        assert function["Runtime"] == "python3.13"
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Timeout"] > 0, module
        assert function["MemorySize"] > 0, module
        log_group = function["LoggingConfig"]["LogGroup"]["Ref"]
        name = log_groups[log_group]["Properties"]["LogGroupName"]
        assert name == f"/dailies/{stage.name}/{module}"


def test_every_log_is_kept_for_a_time_when_written(stage: Stage) -> None:
    days = {"local": 1, "dev": 7, "staging": 30, "prod": 180}[stage.name]

    for log_group in stage.pipeline.properties("AWS::Logs::LogGroup"):
        assert log_group["RetentionInDays"] == days


def test_functions_run_on_arm_when_the_stage_is_in_the_cloud(prod: Stage) -> None:
    architectures = [f["Architectures"] for f in prod.pipeline.functions().values()]

    assert architectures == [["arm64"]] * len(architectures)


def test_media_libraries_are_where_media_is_decoded_when_layers_are_attached(prod: Stage) -> None:
    layers = {module: len(f["Layers"]) for module, f in prod.pipeline.functions().items()}

    assert layers.pop("probe") == layers.pop("check") == LAYERS_OF_A_DECODER
    assert set(layers.values()) == {LAYERS_OF_A_STEP}


def test_callers_use_the_alias_when_they_call_a_function(stage: Stage) -> None:
    aliases = stage.pipeline.properties("AWS::Lambda::Alias")
    mappings = stage.pipeline.properties("AWS::Lambda::EventSourceMapping")

    assert len(aliases) == len(stage.pipeline.functions())
    assert {alias["Name"] for alias in aliases} == {"live"}
    for mapping in mappings:
        assert short(mapping["FunctionName"]).removesuffix(":live").endswith("Live")


def test_versions_stay_for_a_roll_back_when_replaced(prod: Stage) -> None:
    for version in prod.pipeline.of_type("AWS::Lambda::Version").values():
        assert version["DeletionPolicy"] == "Retain"
        assert version["UpdateReplacePolicy"] == "Retain"


def test_failed_calls_are_kept_when_nobody_waits_for_the_answer(stage: Stage) -> None:
    functions = stage.pipeline.functions()
    kept = {module for module, f in functions.items() if "DeadLetterConfig" in f}

    chat = {"alert_chat"} & functions.keys()
    assert kept == {"sweep", "sweep_inbox", "execution_ended"} | chat


def test_polls_have_slots_of_their_own_when_the_stage_is_busy(prod: Stage, local: Stage) -> None:
    reserved = {
        module: f["ReservedConcurrentExecutions"]
        for module, f in prod.pipeline.functions().items()
        if "ReservedConcurrentExecutions" in f
    }

    assert reserved == {"poll": 200}
    assert "ReservedConcurrentExecutions" not in local.pipeline.functions()["poll"]


@pytest.mark.parametrize("name", ["generate", "deliver_webhook", "enhance_batch"])
def test_workflow_waits_longer_than_the_function_runs_when_it_calls_one(
    prod: Stage, name: str
) -> None:
    definition = json.loads((ROOT / "state_machines" / f"{name}.asl.json").read_text())
    called = 0
    for state_name, state in definition["States"].items():
        function = state.get("Arguments", {}).get("FunctionName", "")
        if not function:  # of another service
            continue
        called += 1
        module = "".join(f"_{c.lower()}" if c.isupper() else c for c in state_name).lstrip("_")
        assert function == f"${{{state_name}FunctionArn}}"
        assert state["TimeoutSeconds"] > prod.pipeline.functions()[module]["Timeout"]
    assert called


def test_api_answers_before_the_gateway_gives_up_when_it_is_slow(prod: Stage) -> None:
    functions = prod.pipeline.functions()

    for module in ("api", "authorize", "provider_callback"):
        assert functions[module]["Timeout"] < 30
