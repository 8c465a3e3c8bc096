"""The net under the workflow: an execution that died outside its own failure path is noticed."""

from __future__ import annotations

from typing import cast

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.python_function import PythonFunction
from infra.state_machine import StateMachine

_TRIES = 3


class ExecutionRule(Construct):
    """Tell `ExecutionEnded` of each execution that failed, timed out or was aborted.

    The events are best effort; the sweeper finds what they miss. This only makes it quicker.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workflow: StateMachine,
        execution_ended: PythonFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        function = targets.LambdaFunction(
            execution_ended.alias, dead_letter_queue=dead_letters, retry_attempts=_TRIES
        )
        events.Rule(
            self,
            "Rule",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                    "stateMachineArn": [workflow.machine.state_machine_arn],
                },
            ),
            targets=[cast(events.IRuleTarget, function)],
        )
