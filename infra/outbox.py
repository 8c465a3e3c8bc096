"""The outbox: event rows leave the table's stream for the bus."""

from __future__ import annotations

import json

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import grants as to
from infra.dead_letter_queue import build_dead_letter_queue
from infra.environment import Environment, PipelineParts, merge
from infra.python_function import PythonFunction

_PUBLISH_S = 60
_MEMORY_MB = 256
_BATCH_SIZE = 25
_TRIES = 10
_OLDEST_HOURS = 6
"""The sweeper publishes what was not, so the stream need not be held up by it for a day."""

_EVENT_ROWS = {
    "eventName": ["INSERT"],
    "dynamodb": {"NewImage": {"outbox": {"N": [{"exists": True}]}}},
}


class Outbox(Construct):
    """Feed `Publish` with the event rows of the stream, in order per job."""

    def __init__(
        self, scope: Construct, construct_id: str, *, parts: PipelineParts, bus: events.IEventBus
    ) -> None:
        super().__init__(scope, construct_id)
        dead_letters = build_dead_letter_queue(self, "DeadLetters", stage=parts.stage)
        self.dead_letters = dead_letters
        self.publish = PythonFunction(
            self,
            "Publish",
            sources=parts.sources,
            timeout_s=_PUBLISH_S,
            memory_mb=_MEMORY_MB,
            environment=merge(Environment(parts).table, {"EVENT_BUS_NAME": bus.event_bus_name}),
            grants=[
                to.read_rows(parts.table),
                to.update_rows(parts.table),
                to.read_stream(parts.table),
                to.list_streams(),
                to.put_events(bus),
                to.send_messages(dead_letters),
            ],
        )
        lambda_.CfnEventSourceMapping(
            self,
            "Stream",
            function_name=self.publish.alias.function_arn,
            event_source_arn=parts.table.table_stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=_BATCH_SIZE,
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            maximum_retry_attempts=_TRIES,
            maximum_record_age_in_seconds=Duration.hours(_OLDEST_HOURS).to_seconds(),
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[
                    lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(_EVENT_ROWS))
                ]
            ),
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(
                    destination=dead_letters.queue_arn
                )
            ),
        )
