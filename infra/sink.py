"""One sink of published events: a rule, its queue, that queue's dead letters, its function."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.dead_letter_queue import allow_plain_http, build_dead_letter_queue
from infra.event_bus import SOURCE
from infra.python_function import PythonFunction
from infra.stage import StageConfig

_BATCH_SIZE = 10
_TRIES = 5
_VISIBILITY_FACTOR = 6
"""AWS asks for six function timeouts, so that a throttled batch is not given out twice."""


class Sink(Construct):
    """A queue of its own, so that a sink which fails or lags holds up no other."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, handling_s: int
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = build_dead_letter_queue(self, "DeadLetters", stage=stage)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=stage.tls_only,
            visibility_timeout=Duration.seconds(_VISIBILITY_FACTOR * handling_s),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=_TRIES
            ),
            removal_policy=stage.removal_policy,
        )
        allow_plain_http(self.queue, stage)

    def listen(self, bus: events.IEventBus, detail: dict[str, Any]) -> None:
        """Queue every event of ours on `bus` whose detail matches."""
        pattern = events.EventPattern(source=[SOURCE], detail=detail)
        queue = targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)
        target = cast(events.IRuleTarget, queue)
        events.Rule(self, "Rule", event_bus=bus, event_pattern=pattern, targets=[target])

    def feed(self, consumer: PythonFunction, *, at_a_time: int | None = None) -> None:
        """Hand the queue's messages to `consumer`, which reports those that it could not handle.

        At most `at_a_time` of it run at once, where that is given.
        """
        lambda_.EventSourceMapping(
            self,
            "Feed",
            target=consumer.alias,
            event_source_arn=self.queue.queue_arn,
            batch_size=_BATCH_SIZE,
            report_batch_item_failures=True,
            max_concurrency=at_a_time,
        )
