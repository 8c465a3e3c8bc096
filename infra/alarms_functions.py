"""Alarms on functions: errors, time, and room to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_

from infra.alarm import CRITICAL, INFO, WARNING, Alarm
from infra.metrics import of_service
from infra.python_function import PythonFunction
from infra.stage import AlarmLevel

_NEAR_TIMEOUT = 0.8
_NEAR_LIMIT = 0.8
_USES_ALL_ITS_TIME = frozenset({"store"})
"""Store downloads as long as it may and then hands over to a fresh invocation."""


@dataclass(frozen=True)
class _Tolerance:
    """How many errors in five minutes, in `bad` of `of` such periods, are too many."""

    errors: int
    bad: int
    of: int
    level: AlarmLevel
    text: str


_STEP = _Tolerance(
    5,
    2,
    3,
    WARNING,
    "This function fails again and again. Step Functions and queues try again by themselves, so "
    "that a few errors are no news. Read its log for the code.",
)
_NOTABLE: Mapping[str, _Tolerance] = {
    "authorize": _Tolerance(
        1, 2, 3, CRITICAL, "API keys cannot be checked: callers are turned away. Read its log."
    ),
    "api": _Tolerance(
        3,
        2,
        3,
        CRITICAL,
        "The API's own code fails: callers get 500, while jobs under way go on. Read its log.",
    ),
    "provider_callback": _Tolerance(
        3,
        2,
        3,
        WARNING,
        "Vendors' callbacks are not taken. Jobs go on, later: overdue ones are polled. Read its "
        "log.",
    ),
    "sweep": _Tolerance(
        2,
        2,
        3,
        CRITICAL,
        "The sweeper fails: dead runs are not picked up and lost events not published. Read its "
        "log.",
    ),
    "deliver_webhook": _Tolerance(
        100,
        2,
        3,
        INFO,
        "Very many webhook tries fail. Each receiver's refusal counts here; tries go on for hours. "
        "Find out whether it is one receiver or all of them.",
    ),
}


def function_alarms(functions: Sequence[lambda_.Function], *, durations: bool) -> Iterator[Alarm]:
    """Watch every function there is, and with `durations` also how long each takes."""
    for function in functions:
        yield _errors(function)
        if durations and function_name(function) not in _USES_ALL_ITS_TIME:
            yield _duration(function)
        resource = cast(lambda_.CfnFunction, function.node.default_child)
        if resource.reserved_concurrent_executions is not None:
            yield _concurrency(function, int(resource.reserved_concurrent_executions))
    yield Alarm(
        name="lambda-throttles",
        level=WARNING,
        text=(
            "Lambda turns calls away: the account's concurrency is used up (other stages and "
            "applications count, too). Everything is tried again, later. Raise the quota."
        ),
        section="lambda-capacity",
        metric=of_service("AWS/Lambda", "Throttles", "Sum"),
        at_least=10,
        bad=2,
        of=3,
    )


def function_name(function: lambda_.Function) -> str:
    """Name a function after its handler module."""
    parent = function.node.scope
    if isinstance(parent, PythonFunction):
        return parent.module
    return parent.node.id.lower() if parent is not None else function.node.id.lower()


def _errors(function: lambda_.Function) -> Alarm:
    module = function_name(function)
    tolerance = _NOTABLE.get(module, _STEP)
    return Alarm(
        name=f"{_slug(module)}-errors",
        level=tolerance.level,
        text=tolerance.text,
        section="function-errors",
        metric=function.metric_errors(period=Duration.minutes(5), statistic="Sum"),
        at_least=tolerance.errors,
        bad=tolerance.bad,
        of=tolerance.of,
        rolls_back=tolerance.level is not INFO,
    )


def _duration(function: lambda_.Function) -> Alarm:
    timeout = function.timeout
    if timeout is None:
        raise ValueError(f"{function.node.path} has no timeout")
    return Alarm(
        name=f"{_slug(function_name(function))}-duration",
        level=INFO,
        text=(
            "One call in a hundred takes more than 80 % of the time this function has. What it "
            "waits for (a vendor, the table) is slow; past the limit calls are cut off."
        ),
        section="slow-functions",
        metric=function.metric_duration(period=Duration.minutes(5), statistic="p99"),
        at_least=_NEAR_TIMEOUT * timeout.to_milliseconds(),
        bad=3,
        of=3,
    )


def _concurrency(function: lambda_.Function, reserved: int) -> Alarm:
    dimensions = {"FunctionName": function.function_name}
    return Alarm(
        name=f"{_slug(function_name(function))}-concurrency",
        level=WARNING,
        text=(
            f"More than 80 % of the {reserved} reserved slots are in use. Past that, polls are put "
            "off by plain waits and results are seen later. Raise the reservation."
        ),
        section="lambda-capacity",
        metric=of_service("AWS/Lambda", "ConcurrentExecutions", "Maximum", dimensions=dimensions),
        at_least=_NEAR_LIMIT * reserved,
        bad=2,
        of=3,
    )


def _slug(module: str) -> str:
    return module.replace("_", "-")
