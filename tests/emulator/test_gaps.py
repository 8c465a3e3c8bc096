"""Each gap of the emulator: closed by our correction, and still open without it.

A test of the second kind that fails is good news: upstream closed the gap, and the correction
can go.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.emulator.cloud import Cloud, eventually, machine

RAISING = """
class Throttled(Exception): pass
class Transient(Exception): pass
class Permanent(Exception): pass
def handler(event, context):
    raise globals()[event["kind"]]("about " + event["kind"])
"""
COUNTING = """
def handler(event, context):
    print("counted")
    raise ValueError("again")
"""
FLAKY = """
import os
class Transient(Exception): pass
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if calls < 3:
        raise Transient("not yet")
    return {"calls": calls, "pid": os.getpid()}
"""
SLOW = """
import time
def handler(event, context):
    time.sleep(30)
"""
EXITING = """
import os
def handler(event, context):
    os._exit(3)
"""
BROKEN = "import no_such_module_at_all\ndef handler(event, context): pass\n"

CAUGHT = {"Type": "Pass", "Output": "{% $states.input %}", "End": True}


def catch(*errors: str) -> list[dict[str, Any]]:
    return [{"ErrorEquals": list(errors), "Output": "{% $states.errorOutput %}", "Next": "Caught"}]


def token_wait(queue_url: str, **limits: Any) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {
            "QueueUrl": queue_url,
            "MessageBody": {"token": "{% $states.context.Task.Token %}"},
        },
        **limits,
    }


@pytest.mark.parametrize("kind", ["Throttled", "Transient", "Permanent", "KeyError"])
def test_class_name_reaches_catch_when_handler_raises(cloud: Cloud, kind: str) -> None:
    body = RAISING + "globals()['KeyError'] = KeyError\n"
    work = {"Resource": cloud.function(body), "Catch": catch(kind)}
    ended = cloud.run(machine(work, Caught=CAUGHT), {"kind": kind})
    assert ended.status == "SUCCEEDED"
    cause = json.loads(ended.output["Cause"])
    assert ended.output["Error"] == kind == cause["errorType"]
    assert f"about {kind}" in cause["errorMessage"]
    assert "in handler" in cause["stackTrace"][0]


def test_class_name_is_lost_when_uncorrected(uncorrected: Cloud) -> None:
    ended = uncorrected.run(
        machine({"Resource": uncorrected.function(RAISING)}), {"kind": "Throttled"}
    )
    assert (ended.status, ended.error) == ("FAILED", "Runtime.HandlerError")


def test_retry_by_name_keeps_the_worker_when_handler_raises_twice(cloud: Cloud) -> None:
    retry = [{"ErrorEquals": ["Transient"], "IntervalSeconds": 1, "MaxAttempts": 3}]
    ended = cloud.run(machine({"Resource": cloud.function(FLAKY), "Retry": retry}))
    assert ended.status == "SUCCEEDED"
    assert ended.output["calls"] == 3


def test_invoke_reports_the_class_name_when_handler_raises(cloud: Cloud) -> None:
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.function(RAISING), Payload=json.dumps({"kind": "Permanent"})
    )
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "Permanent"


def test_exit_error_is_caught_when_the_process_dies(cloud: Cloud) -> None:
    work = {"Resource": cloud.function(EXITING), "Catch": catch("Runtime.ExitError")}
    assert cloud.run(machine(work, Caught=CAUGHT)).output["Error"] == "Runtime.ExitError"


def test_sandbox_timeout_is_caught_when_a_function_runs_too_long(cloud: Cloud) -> None:
    work = {"Resource": cloud.function(SLOW, timeout_s=1), "Catch": catch("States.ALL")}
    ended = cloud.run(machine(work, Caught=CAUGHT))
    assert ended.output["Error"] == "Sandbox.Timedout"


def test_traceback_is_in_the_log_file_when_a_handler_raises(cloud: Cloud) -> None:
    cloud.run(machine({"Resource": cloud.function(RAISING)}), {"kind": "Transient"})
    log = cloud.emulator.lambda_log_path.read_text(encoding="utf-8")
    assert 'raise globals()[event["kind"]]' in log
    assert "failed: Transient: about Transient" in log


def test_traceback_is_in_the_log_file_when_an_import_fails(cloud: Cloud) -> None:
    ended = cloud.run(machine({"Resource": cloud.function(BROKEN)}))
    assert ended.status == "FAILED"

    def logged() -> bool:
        log = cloud.emulator.lambda_log_path.read_text(encoding="utf-8")
        return "import no_such_module_at_all" in log

    assert eventually(logged, timeout_s=2.0)


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


def test_schedule_follows_the_speed_when_the_emulator_is_fast(cloud: Cloud) -> None:
    url, queue_arn = cloud.queue()
    cloud.client("scheduler").create_schedule(
        Name="often",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue_arn, "RoleArn": cloud.role("sqs:*"), "Input": json.dumps({"tick": 1})},
    )
    assert cloud.message(url, timeout_s=9.0) == {"tick": 1}


def test_silent_call_answers_at_once_when_the_worker_is_warm(cloud: Cloud) -> None:
    assert _fastest_call_s(cloud) < 0.045


def test_silent_call_waits_for_output_when_uncorrected(uncorrected: Cloud) -> None:
    assert _fastest_call_s(uncorrected) > 0.05


def _fastest_call_s(cloud: Cloud) -> float:
    function = cloud.function("def handler(event, context): return 1")
    took_s: list[float] = []
    for _ in range(8):
        began = time.monotonic()
        cloud.client("lambda").invoke(FunctionName=function)
        took_s.append(time.monotonic() - began)
    return min(took_s)
