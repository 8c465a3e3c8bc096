"""Alarms on the workflows, and on what looks after them from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.alarm import CRITICAL, INFO, WARNING, Alarm
from infra.metrics import OwnMetrics, math, of_service
from infra.python_function import PythonFunction
from infra.state_machine import StateMachine

_PERIOD = Duration.minutes(5)
_BAD_PERCENT = 50
_LEAST_FAILURES = 5
_OVERDUE_S = 600
_OUTBOX_LATE_S = 300
_SILENT_PERIODS = 2


def workflow_alarms(workflows: Sequence[StateMachine]) -> Iterator[Alarm]:
    """Watch every state machine there is."""
    for workflow in workflows:
        yield from _of_workflow(workflow.node.id.lower(), workflow)


def watch_alarms(
    metrics: OwnMetrics, *, sweep: PythonFunction, publish: PythonFunction
) -> Iterator[Alarm]:
    """Watch the sweeper and the outbox: the nets under everything else."""
    yield from _of_sweeper(metrics, sweep)
    yield from _of_outbox(metrics, publish)


def _of_sweeper(metrics: OwnMetrics, sweep: PythonFunction) -> Iterator[Alarm]:
    yield Alarm(
        name="sweeper-silent",
        level=CRITICAL,
        text=(
            "The sweeper has not run for ten minutes: nothing notices runs that die or events "
            "that are lost. Look at its schedule and at its function."
        ),
        section="sweeper",
        metric=sweep.function.metric_invocations(period=_PERIOD, statistic="Sum"),
        below=True,
        bad=_SILENT_PERIODS,
        of=_SILENT_PERIODS,
        silence_is_bad=True,
    )
    yield Alarm(
        name="oldest-due-job",
        level=CRITICAL,
        text=(
            "A job has been overdue for ten minutes: the sweeper cannot look after it, or has more "
            "to do than it can. That job stands still."
        ),
        section="overdue-jobs",
        metric=metrics.plain("OldestDueJobSeconds", "Maximum"),
        at_least=_OVERDUE_S,
        bad=2,
        of=2,
    )


def _of_outbox(metrics: OwnMetrics, publish: PythonFunction) -> Iterator[Alarm]:
    yield Alarm(
        name="outbox-lag",
        level=WARNING,
        text=(
            "An event has not reached the bus for five minutes: webhooks and mails are late. "
            "Nothing is lost; the sweeper goes on trying."
        ),
        section="late-notifications",
        metric=metrics.plain("OutboxLag", "Maximum"),
        at_least=_OUTBOX_LATE_S,
        bad=2,
        of=2,
    )
    yield Alarm(
        name="stream-lag",
        level=WARNING,
        text=(
            "Publish is minutes behind the table's stream: webhooks and mails are late. Look at "
            "its errors and its throttles."
        ),
        section="late-notifications",
        metric=of_service(
            "AWS/Lambda",
            "IteratorAge",
            "Maximum",
            dimensions={"FunctionName": publish.function.function_name},
        ),
        at_least=_OUTBOX_LATE_S * 1000,
        bad=2,
        of=2,
    )


def _of_workflow(name: str, workflow: StateMachine) -> Iterator[Alarm]:
    machine = workflow.machine
    yield Alarm(
        name=f"{name}-failed",
        level=WARNING,
        text=(
            "More than half of the executions of this workflow fail. A job that its vendor "
            "refuses counts here, so look first whether one tenant or one vendor stands out."
        ),
        section="failed-executions",
        metric=_failed_percent(workflow),
        at_least=_BAD_PERCENT,
        bad=2,
        of=3,
        rolls_back=True,
    )
    yield Alarm(
        name=f"{name}-timed-out",
        level=WARNING,
        text=(
            "An execution ran out of time. The sweeper opens a new run for its job; if it comes "
            "again, a step hangs."
        ),
        section="failed-executions",
        metric=machine.metric_timed_out(period=_PERIOD, statistic="Sum"),
    )
    yield from _of_quotas_and_hands(name, workflow)


def _of_quotas_and_hands(name: str, workflow: StateMachine) -> Iterator[Alarm]:
    """Watch what happens to executions from outside."""
    machine = workflow.machine
    yield Alarm(
        name=f"{name}-aborted",
        level=INFO,
        text="An execution was stopped: by a new run of its job, or by a person.",
        section="failed-executions",
        metric=machine.metric_aborted(period=_PERIOD, statistic="Sum"),
    )
    yield Alarm(
        name=f"{name}-throttled",
        level=WARNING,
        text=(
            "Step Functions holds state transitions back: the account's quota is used up. Jobs "
            "are slower. Raise the quota for state transitions."
        ),
        section="step-functions-capacity",
        metric=machine.metric_throttled(period=_PERIOD, statistic="Sum"),
        bad=2,
        of=3,
    )


def _failed_percent(workflow: StateMachine) -> cloudwatch.MathExpression:
    machine = workflow.machine
    failed = machine.metric_failed(period=_PERIOD, statistic="Sum")
    succeeded = machine.metric_succeeded(period=_PERIOD, statistic="Sum")
    bad, good = "FILL(failed,0)", "FILL(succeeded,0)"
    return math(
        f"IF({bad}>={_LEAST_FAILURES},100*{bad}/({bad}+{good}),0)",
        {"failed": failed, "succeeded": succeeded},
        label="Failed (%)",
    )
