"""Gaps of how functions run and fail: closed by our correction, and still open without it.

A test of the second kind that fails is good news: upstream closed the gap, and the correction
can go.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.emulator.cloud import CAUGHT, Cloud, catch, eventually, machine

RAISING = """
class Throttled(Exception): pass
class Transient(Exception): pass
class Permanent(Exception): pass
def handler(event, context):
    raise globals()[event["kind"]]("about " + event["kind"])
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


def test_worker_is_lost_with_each_exception_when_uncorrected(uncorrected: Cloud) -> None:
    function = uncorrected.function(FLAKY)
    for _ in range(3):
        answer = uncorrected.client("lambda").invoke(FunctionName=function)
        assert answer["FunctionError"] == "Unhandled"


def test_invoke_reports_the_class_name_when_handler_raises(cloud: Cloud) -> None:
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.function(RAISING), Payload=json.dumps({"kind": "Permanent"})
    )
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "Permanent"


def test_exit_error_is_caught_when_the_process_dies(cloud: Cloud) -> None:
    work = {"Resource": cloud.function(EXITING), "Catch": catch("Runtime.ExitError")}
    assert cloud.run(machine(work, Caught=CAUGHT)).output["Error"] == "Runtime.ExitError"


def test_exit_error_has_another_name_when_uncorrected(uncorrected: Cloud) -> None:
    ended = uncorrected.run(machine({"Resource": uncorrected.function(EXITING)}))
    assert ended.error == "Runtime.HandlerError"


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


def _throttled(cloud: Cloud) -> Any:
    function = cloud.function("def handler(event, context): return 1")
    cloud.client("lambda").put_function_concurrency(
        FunctionName=function, ReservedConcurrentExecutions=0
    )
    return cloud.run(machine({"Resource": function})).error


def test_throttled_function_is_named_as_on_aws_when_it_has_no_concurrency(cloud: Cloud) -> None:
    assert _throttled(cloud) == "Lambda.TooManyRequestsException"


def test_throttled_function_is_unknown_when_uncorrected(uncorrected: Cloud) -> None:
    assert _throttled(uncorrected) == "Lambda.Unknown"
