"""Gaps of executions and schedules: closed by our correction, and still open without it.

A test of the second kind that fails is good news: upstream closed the gap, and the correction
can go.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.emulator.cloud import Cloud, eventually, machine, token_wait

COUNTING = """
def handler(event, context):
    print("counted")
    raise ValueError("again")
"""


def test_retries_end_when_the_execution_is_stopped(cloud: Cloud) -> None:
    retry = [
        {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 12, "MaxAttempts": 9, "BackoffRate": 1}
    ]
    work = {"Resource": cloud.function(COUNTING), "Retry": retry}
    arn = cloud.start(machine(work), {"kind": "Transient"})
    log = cloud.emulator.lambda_log_path
    before = log.read_text(encoding="utf-8").count("counted")

    def calls() -> int:
        return log.read_text(encoding="utf-8").count("counted") - before

    eventually(calls, timeout_s=3.0)
    cloud.client("stepfunctions").stop_execution(executionArn=arn)
    stopped_at = calls()
    time.sleep(1.2)
    assert calls() == stopped_at
    assert cloud.ending(arn).status == "ABORTED"


def test_token_is_refused_when_its_execution_was_stopped(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    arn = cloud.start(machine(token_wait(url, TimeoutSeconds=100)))
    token = cloud.message(url)["token"]
    states = cloud.client("stepfunctions")
    states.stop_execution(executionArn=arn)
    with pytest.raises(states.exceptions.TaskDoesNotExist):
        states.send_task_success(taskToken=token, output="{}")
    assert cloud.ending(arn).status == "ABORTED"


def test_stopped_execution_ends_failed_when_uncorrected(uncorrected: Cloud) -> None:
    url, _ = uncorrected.queue()
    arn = uncorrected.start(machine(token_wait(url, TimeoutSeconds=1)))
    token = uncorrected.message(url)["token"]
    states = uncorrected.client("stepfunctions")
    states.stop_execution(executionArn=arn)
    states.send_task_failure(taskToken=token, error="Late")

    def overwritten() -> bool:
        return states.describe_execution(executionArn=arn)["status"] == "FAILED"

    assert eventually(overwritten, timeout_s=3.0)


WAITING = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 20, "End": True}}}


def _start_twice(cloud: Cloud, first: str, second: str) -> tuple[Any, Any]:
    states = cloud.client("stepfunctions")
    machine_arn = states.create_state_machine(
        name=cloud.name("machine"), definition=json.dumps(WAITING), roleArn=cloud.role("*")
    )["stateMachineArn"]

    def start(given: str) -> Any:
        return states.start_execution(stateMachineArn=machine_arn, name="once", input=given)

    return start(first), start(second)


def test_second_start_gives_the_first_answer_when_it_is_the_same(cloud: Cloud) -> None:
    first, second = _start_twice(cloud, '{"job": 1}', '{"job": 1}')
    assert second["executionArn"] == first["executionArn"]
    assert second["startDate"] == first["startDate"]


def test_second_start_is_refused_when_its_input_differs(cloud: Cloud) -> None:
    with pytest.raises(cloud.client("stepfunctions").exceptions.ExecutionAlreadyExists):
        _start_twice(cloud, '{"job": 1}', '{"job": 2}')


def test_second_start_is_refused_when_uncorrected(uncorrected: Cloud) -> None:
    with pytest.raises(uncorrected.client("stepfunctions").exceptions.ExecutionAlreadyExists):
        _start_twice(uncorrected, '{"job": 1}', '{"job": 1}')


def test_schedule_follows_the_speed_when_the_emulator_is_fast(cloud: Cloud) -> None:
    url, queue_arn = cloud.queue()
    cloud.client("scheduler").create_schedule(
        Name="often",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue_arn, "RoleArn": cloud.role("sqs:*"), "Input": json.dumps({"tick": 1})},
    )
    assert cloud.message(url, timeout_s=9.0) == {"tick": 1}
