"""Gaps of a task's time-out and heartbeat: closed by our correction, and still open without it.

A test of the second kind that fails is good news: upstream closed the gap, and the correction
can go.
"""

from __future__ import annotations

import pytest

from tests.emulator.cloud import CAUGHT, Cloud, catch, eventually, machine, token_wait

SLOW = """
import time
def handler(event, context):
    time.sleep(30)
"""


def test_wait_fails_when_heartbeats_stop(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    wait = token_wait(url, HeartbeatSeconds=12, TimeoutSeconds=600, Catch=catch("States.Timeout"))
    arn = cloud.start(machine(wait, Caught=CAUGHT))
    token = cloud.message(url)["token"]
    states = cloud.client("stepfunctions")
    beats = 0

    def beat() -> bool:
        nonlocal beats
        states.send_task_heartbeat(taskToken=token)
        beats += 1
        return beats > 40

    eventually(beat, timeout_s=5.0)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert cloud.ending(arn).output["Error"] == "States.Timeout"


def test_heartbeat_is_ignored_when_uncorrected(uncorrected: Cloud) -> None:
    url, _ = uncorrected.queue()
    arn = uncorrected.start(machine(token_wait(url, HeartbeatSeconds=1, TimeoutSeconds=2)))
    assert uncorrected.ending(arn).elapsed_s > 1.5


@pytest.mark.parametrize("field", ["TimeoutSeconds", "HeartbeatSeconds"])
def test_computed_limit_ends_a_token_wait_when_it_passes(cloud: Cloud, field: str) -> None:
    url, _ = cloud.queue()
    limits = {"TimeoutSeconds": 600, field: "{% $states.input.limit_s + 1 %}"}
    wait = token_wait(url, **limits, Catch=catch("States.Timeout"))
    ended = cloud.run(machine(wait, Caught=CAUGHT), {"limit_s": 9})
    assert ended.output["Error"] == "States.Timeout"
    assert 0.4 < ended.elapsed_s < 3.0


def test_computed_timeout_bounds_a_plain_task_when_it_passes(cloud: Cloud) -> None:
    slow = cloud.function(SLOW, timeout_s=4)
    work = {"Resource": slow, "TimeoutSeconds": "{% $states.input.limit_s %}"}
    ended = cloud.run(machine(work), {"limit_s": 1})
    assert (ended.status, ended.error) == ("FAILED", "States.Timeout")


def test_wrong_computed_timeout_is_caught_when_it_is_no_number(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    wait = token_wait(
        url, TimeoutSeconds="{% 'soon' %}", Catch=catch("States.QueryEvaluationError")
    )
    assert cloud.run(machine(wait, Caught=CAUGHT)).status == "SUCCEEDED"


def test_computed_timeout_fails_the_execution_when_uncorrected(uncorrected: Cloud) -> None:
    url, _ = uncorrected.queue()
    ended = uncorrected.run(machine(token_wait(url, TimeoutSeconds="{% 1 %}")))
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")


def test_token_timeout_is_scaled_when_the_emulator_is_fast(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    ended = cloud.run(machine(token_wait(url, TimeoutSeconds=10)))
    assert ended.error == "States.Timeout"
    assert 0.4 < ended.elapsed_s < 3.0


def test_task_token_wait_ends_with_its_output_when_it_is_woken(cloud: Cloud) -> None:
    url, _ = cloud.queue()
    arn = cloud.start(machine(token_wait(url, TimeoutSeconds=100, HeartbeatSeconds=50)))
    token = cloud.message(url)["token"]
    cloud.client("stepfunctions").send_task_success(taskToken=token, output='{"woken": true}')
    assert cloud.ending(arn).output == {"woken": True}


def test_token_timeout_is_not_scaled_when_uncorrected(uncorrected: Cloud) -> None:
    url, _ = uncorrected.queue()
    ended = uncorrected.run(machine(token_wait(url, TimeoutSeconds=2)))
    assert ended.elapsed_s > 1.5
