"""Workflows: their text, their placeholders, their logs, their aliases."""

from __future__ import annotations

from typing import Any

import pytest

from infra.stage import stage_config
from infra.state_machine import check_placeholders
from tests.infra.conftest import ROOT, Stage, short


def machine(stage: Stage, prefix: str) -> dict[str, Any]:
    """Return the properties of the state machine whose logical id begins so."""
    (found,) = (
        resource["Properties"]
        for name, resource in stage.pipeline.of_type("AWS::StepFunctions::StateMachine").items()
        if name.startswith(prefix)
    )
    return found


def test_definition_is_accepted_when_every_placeholder_has_a_value() -> None:
    check_placeholders('{"a": "${PlanFunctionArn}"}', {"PlanFunctionArn"}, "x.asl.json")


def test_definition_is_refused_when_a_placeholder_has_no_value() -> None:
    with pytest.raises(ValueError, match=r"without a value: \['Other'\]"):
        check_placeholders("${PlanFunctionArn} ${Other}", {"PlanFunctionArn"}, "x.asl.json")


def test_definition_is_refused_when_a_value_has_no_placeholder() -> None:
    with pytest.raises(ValueError, match=r"without a use: \['Gone'\]"):
        check_placeholders("${PlanFunctionArn}", {"PlanFunctionArn", "Gone"}, "x.asl.json")


@pytest.mark.parametrize(
    ("prefix", "file"),
    [("Generate", "generate"), ("NotificationsDelivery", "deliver_webhook"), ("Enhance", None)],
)
def test_template_holds_the_file_itself_when_synthesized(
    stage: Stage, prefix: str, file: str | None
) -> None:
    file = file or f"enhance_{stage_config(stage.name).enhance_compute}"
    text = (ROOT / "state_machines" / f"{file}.asl.json").read_text()

    assert machine(stage, prefix)["DefinitionString"] == text


def test_placeholders_lead_to_aliases_when_a_step_is_called(prod: Stage) -> None:
    substitutions = machine(prod, "Generate")["DefinitionSubstitutions"]

    assert substitutions.pop("TableName")
    assert short(substitutions.pop("EnhanceStateMachineArn")) == "EnhanceBatchEnhanceLive"
    for placeholder, value in substitutions.items():
        assert short(value) == f"Steps{placeholder.removesuffix('FunctionArn')}Live"


def test_errors_alone_are_logged_without_data_when_an_execution_runs(stage: Stage) -> None:
    for properties in stage.pipeline.properties("AWS::StepFunctions::StateMachine"):
        logging = properties["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
        assert properties["TracingConfiguration"] == {"Enabled": True}


def test_versions_and_aliases_exist_unless_the_stage_is_local(stage: Stage) -> None:
    count = 0 if stage.name == "local" else 3
    versions = stage.pipeline.of_type("AWS::StepFunctions::StateMachineVersion")
    aliases = stage.pipeline.properties("AWS::StepFunctions::StateMachineAlias")

    assert len(versions) == count
    assert [alias["Name"] for alias in aliases] == ["live"] * count
    for version in versions.values():
        assert version["DeletionPolicy"] == "Retain"
        assert version["UpdateReplacePolicy"] == "Retain"
        assert "StateMachineRevisionId" in version["Properties"]


def test_starters_use_the_alias_where_there_is_one(prod: Stage, local: Stage) -> None:
    def arn(stage: Stage, module: str, name: str) -> str:
        return short(stage.pipeline.functions()[module]["Environment"]["Variables"][name])

    assert arn(prod, "api", "STATE_MACHINE_ARN") == "GenerateLive"
    assert arn(local, "api", "STATE_MACHINE_ARN") == "GenerateMachine"
    webhook = arn(prod, "start_webhook", "WEBHOOK_STATE_MACHINE_ARN")
    assert webhook == "NotificationsDeliveryLive"
