"""The real definition fed with the results that the handlers are proven to return."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.fakes.time import ManualClock
from tests.unit.adapters.conftest import TABLE, create_table
from tests.workflow.deployment import STEPS
from tests.workflow.harness import (
    REGION,
    Ended,
    create_machine,
    ended,
    function_arn,
    function_name,
    interpreter,
    sfn,
    text_of,
    wait_on,
)

FOLDER = Path(__file__).parents[1] / "fixtures" / "steps"
INPUT = {"v": 1, "job_id": "job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P", "run": 1}
ENDED = ["settle_notify", "notify_done"]
STORED = ["store_probe", "probe_settle", "check_settle", *ENDED]
ENHANCED = ["enhance_compute", "takeenhanced_settle"]
_NESTED = {"StartAt": "Work", "States": {"Work": {"Type": "Pass", "End": True}}}


def run(monkeypatch: pytest.MonkeyPatch, results: list[str]) -> Ended:
    """Run the definition; its functions return these results, in this order."""
    clock, left = ManualClock(), list(results)

    def invoke(parameters: dict[str, Any]) -> dict[str, Any]:
        name = left.pop(0)
        assert name.startswith(f"{function_name(parameters['FunctionName']).lower()}_"), name
        return {"StatusCode": 200, "Payload": json.loads((FOLDER / f"{name}.json").read_text())}

    with interpreter(monkeypatch, sleep=clock.sleep, invoke=invoke):
        wait_on(clock, monkeypatch)
        dynamodb = boto3.client("dynamodb", region_name=REGION)
        create_table(dynamodb)
        row = {"pk": {"S": f"JOB#{INPUT['job_id']}"}, "sk": {"S": "JOB"}}
        row |= {"signal_seq": {"N": "0"}, "run": {"N": "1"}}
        dynamodb.put_item(TableName=TABLE, Item=row)
        values = {f"{step}FunctionArn": function_arn(step) for step in STEPS}
        values["EnhanceStateMachineArn"] = create_machine("enhance", json.dumps(_NESTED))
        text = text_of("generate", {**values, "TableName": TABLE})
        started = sfn().start_execution(
            stateMachineArn=create_machine("generate", text), name="j-1", input=json.dumps(INPUT)
        )
        found = ended(started["executionArn"])
    assert left == []
    return found


@pytest.mark.parametrize(
    "results",
    [
        ["plan_submit", "submit_await", "poll_poll", "poll_await", "poll_store", *STORED],
        [
            "plan_submit",
            "submit_resolve",
            "resolve_await",
            "poll_resolve",
            "resolve_poll",
            "poll_store",
            *STORED,
        ],
        ["plan_submit", "submit_resolve", "resolve_submit", "submit_store", "plan_store", *STORED],
        [
            "plan_poll",
            "poll_plan",
            "plan_submit",
            "submit_await",
            "poll_submit",
            "submit_plan",
            "plan_resolve",
            "resolve_poll",
            "poll_store",
            *STORED,
        ],
        ["plan_enhance", *ENHANCED, *ENDED],
        ["plan_store", "store_probe", "probe_settle", "check_enhance", *ENHANCED, *ENDED],
        ["plan_check", "check_enhance", "enhance_compute", "takeenhanced_notify", "notify_done"],
        ["plan_enhance", "enhance_take_enhanced", "takeenhanced_settle", *ENDED],
        ["plan_settle", *ENDED],
        ["plan_poll", "poll_done"],
        ["plan_resolve", "resolve_done"],
    ],
    ids=lambda results: "-".join(results[:4]),
)
def test_execution_succeeds_when_the_steps_lead_to_done(
    monkeypatch: pytest.MonkeyPatch, results: list[str]
) -> None:
    found = run(monkeypatch, results)

    assert (found.status, found.visited[-1]) == ("SUCCEEDED", "Done"), found.cause
    steps = [name.lower() for name in found.visited if name in STEPS]
    assert steps == [result.partition("_")[0] for result in results]


@pytest.mark.parametrize(
    "results",
    [
        ["plan_submit", "submit_end", "fail_jobcanceled"],
        ["plan_resolve", "resolve_end", "fail_jobexpired"],
        ["plan_poll", "poll_end", "fail_jobfailed"],
        ["plan_enhance", "enhance_compute", "takeenhanced_end", "fail_jobfailed"],
    ],
    ids=lambda results: results[-1],
)
def test_execution_fails_under_the_error_that_the_failure_path_returns(
    monkeypatch: pytest.MonkeyPatch, results: list[str]
) -> None:
    found = run(monkeypatch, results)

    failure = json.loads((FOLDER / f"{results[-1]}.json").read_text())
    assert (found.status, found.error) == ("FAILED", failure["error"])
    assert found.cause == failure["cause"]
