"""Executions on Step Functions, by stubbed answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from dailies.adapters.stepfunctions_workflow import (
    StepFunctionsCompute,
    StepFunctionsDeliveryWorkflow,
    StepFunctionsWorkflow,
    execution_arn,
)
from dailies.domain.deliveries import DeliveryRef
from dailies.domain.errors import ConfigurationError, StorageError
from dailies.domain.ports import ExecutionStatus
from dailies.domain.steps import StepInput
from tests.unit.adapters.conftest import client

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:Generate-abc"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:Generate-abc:job_1-2"
STARTED = {"executionArn": EXECUTION, "startDate": 0}
JOB = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class Stubbed:
    """The adapters on one stubbed client."""

    def __init__(self, sfn: Any, stub: Stubber) -> None:
        self.workflow = StepFunctionsWorkflow(sfn, f"{MACHINE}:live")
        self.deliveries = StepFunctionsDeliveryWorkflow(sfn, f"{MACHINE}:live")
        self.compute = StepFunctionsCompute(sfn, f"{MACHINE}:live")
        self.stub = stub

    def fail(self, method: str, code: str, status: int = 400) -> None:
        self.stub.add_client_error(method, code, http_status_code=status)


@pytest.fixture
def sfn() -> Iterator[Stubbed]:
    sfn = client("stepfunctions")
    with Stubber(sfn) as stub:
        yield Stubbed(sfn, stub)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("suffix", ["", ":live", ":17"])
def test_execution_arn_names_the_machine_when_it_is_qualified(suffix: str) -> None:
    assert execution_arn(MACHINE + suffix, "job_1-2") == EXECUTION


def test_execution_arn_keeps_the_partition_when_it_is_not_the_usual() -> None:
    arn = execution_arn("arn:aws-cn:states:cn-north-1:1:stateMachine:M", "x")
    assert arn == "arn:aws-cn:states:cn-north-1:1:execution:M:x"


def test_start_goes_through_the_alias_under_job_and_run_when_asked(sfn: Stubbed) -> None:
    step_input = StepInput(job_id="job_1", run=2).model_dump_json()
    expected = {"stateMachineArn": f"{MACHINE}:live", "name": "job_1-2", "input": step_input}
    sfn.stub.add_response("start_execution", STARTED, expected)
    assert sfn.workflow.start("job_1", 2)
    assert json.loads(step_input) == {"v": 1, "job_id": "job_1", "run": 2}


def test_start_is_fine_when_the_run_was_started_before(sfn: Stubbed) -> None:
    sfn.fail("start_execution", "ExecutionAlreadyExists")
    assert sfn.workflow.start("job_1", 2)


@pytest.mark.parametrize("code", ["ThrottlingException", "ExecutionLimitExceeded"])
def test_start_leaves_it_to_the_sweeper_when_the_quota_is_used_up(sfn: Stubbed, code: str) -> None:
    sfn.fail("start_execution", code)
    assert not sfn.workflow.start("job_1", 2)


def test_start_is_worth_a_retry_when_the_service_fails(sfn: Stubbed) -> None:
    sfn.fail("start_execution", "InternalServerError", 500)
    with pytest.raises(StorageError):
        sfn.workflow.start("job_1", 2)


def test_start_is_ours_to_mend_when_there_is_no_such_machine(sfn: Stubbed) -> None:
    sfn.fail("start_execution", "StateMachineDoesNotExist")
    with pytest.raises(ConfigurationError):
        sfn.workflow.start("job_1", 2)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("RUNNING", ExecutionStatus.RUNNING),
        ("PENDING_REDRIVE", ExecutionStatus.RUNNING),
        ("SUCCEEDED", ExecutionStatus.ENDED),
        ("FAILED", ExecutionStatus.ENDED),
        ("TIMED_OUT", ExecutionStatus.ENDED),
        ("ABORTED", ExecutionStatus.ENDED),
    ],
)
def test_status_says_whether_it_still_writes_when_it_was_started(
    sfn: Stubbed, word: str, status: ExecutionStatus
) -> None:
    answer = STARTED | {"stateMachineArn": MACHINE, "status": word}
    sfn.stub.add_response("describe_execution", answer, {"executionArn": EXECUTION})
    assert sfn.workflow.status("job_1", 2) is status


def test_status_is_absent_when_it_was_never_started(sfn: Stubbed) -> None:
    sfn.fail("describe_execution", "ExecutionDoesNotExist")
    assert sfn.workflow.status("job_1", 2) is ExecutionStatus.ABSENT


def test_status_is_worth_a_retry_when_the_quota_is_used_up(sfn: Stubbed) -> None:
    sfn.fail("describe_execution", "ThrottlingException")
    with pytest.raises(StorageError):
        sfn.workflow.status("job_1", 2)


def test_stop_names_the_cause_when_it_runs(sfn: Stubbed) -> None:
    expected = {"executionArn": EXECUTION, "error": "RunStopped", "cause": "superseded"}
    sfn.stub.add_response("stop_execution", {"stopDate": 0}, expected)
    sfn.workflow.stop("job_1", 2, "superseded")


def test_stop_is_harmless_when_it_was_never_started(sfn: Stubbed) -> None:
    sfn.fail("stop_execution", "ExecutionDoesNotExist")
    sfn.workflow.stop("job_1", 2, "superseded")


def test_stop_is_worth_a_retry_when_it_is_throttled(sfn: Stubbed) -> None:
    sfn.fail("stop_execution", "ThrottlingException")
    with pytest.raises(StorageError):
        sfn.workflow.stop("job_1", 2, "superseded")


def test_wake_sends_an_empty_answer_when_a_wait_is_on(sfn: Stubbed) -> None:
    sfn.stub.add_response("send_task_success", {}, {"taskToken": "a-token", "output": "{}"})
    sfn.workflow.wake("a-token")


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_wake_is_harmless_when_the_wait_is_over(sfn: Stubbed, code: str) -> None:
    sfn.fail("send_task_success", code)
    sfn.workflow.wake("a-token")


def test_wake_is_worth_a_retry_when_it_is_throttled(sfn: Stubbed) -> None:
    sfn.fail("send_task_success", "ThrottlingException")
    with pytest.raises(StorageError):
        sfn.workflow.wake("a-token")


def a_ref(run: int = 1) -> DeliveryRef:
    return DeliveryRef(event_id=f"evt_{JOB}_000007", job_id=f"job_{JOB}", seq=7, run=run)


def test_task_is_found_under_its_own_name(sfn: Stubbed) -> None:
    arn = EXECUTION.replace("job_1-2", "enh_1-2")
    answer = {
        "executionArn": arn,
        "stateMachineArn": MACHINE,
        "status": "TIMED_OUT",
        "startDate": 0,
    }
    sfn.stub.add_response("describe_execution", answer, {"executionArn": arn})
    sfn.fail("describe_execution", "ExecutionDoesNotExist")

    assert sfn.compute.status("enh_1-2") is ExecutionStatus.ENDED
    assert sfn.compute.status("enh_1-3") is ExecutionStatus.ABSENT


def test_task_is_stopped_under_its_own_name(sfn: Stubbed) -> None:
    arn = EXECUTION.replace("job_1-2", "enh_1-2")
    expected = {"executionArn": arn, "error": "TaskStopped", "cause": "canceled"}
    sfn.stub.add_response("stop_execution", {"stopDate": 0}, expected)
    sfn.fail("stop_execution", "ExecutionDoesNotExist")

    sfn.compute.stop("enh_1-2", "canceled")
    sfn.compute.stop("enh_1-3", "it never was")


def test_delivery_is_named_by_its_event_when_started(sfn: Stubbed) -> None:
    expected = {
        "stateMachineArn": f"{MACHINE}:live",
        "name": f"evt_{JOB}_000007-2",
        "input": a_ref(2).model_dump_json(),
    }
    sfn.stub.add_response("start_execution", STARTED, expected)
    sfn.deliveries.start(a_ref(2))


def test_delivery_is_fine_when_it_was_started_before(sfn: Stubbed) -> None:
    sfn.fail("start_execution", "ExecutionAlreadyExists")
    sfn.deliveries.start(a_ref())


def test_delivery_is_worth_a_retry_when_the_quota_is_used_up(sfn: Stubbed) -> None:
    sfn.fail("start_execution", "ThrottlingException")
    with pytest.raises(StorageError):
        sfn.deliveries.start(a_ref())
