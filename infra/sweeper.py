"""The sweeper: once a minute it looks for what was due and did not happen."""

from __future__ import annotations

from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.grants import Grant, send_messages
from infra.python_function import PythonFunction
from infra.role import build_role
from infra.stage import StageConfig

_TRIES = 2
_OLDEST_S = 120
"""A sweep that is this late is not worth making up for: the next one sees the same rows."""


class Sweeper(Construct):
    """A schedule that runs the function `Sweep`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        sweep: PythonFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        invoke = Grant(("lambda:InvokeFunction",), (sweep.alias.function_arn,))
        role = build_role(
            self,
            "Role",
            service="scheduler.amazonaws.com",
            grants=[invoke, send_messages(dead_letters)],
        )
        minutes = stage.sweep_every_minutes
        scheduler.CfnSchedule(
            self,
            "Schedule",
            schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=sweep.alias.function_arn,
                role_arn=role.role_arn,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=dead_letters.queue_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=_OLDEST_S, maximum_retry_attempts=_TRIES
                ),
            ),
        )
