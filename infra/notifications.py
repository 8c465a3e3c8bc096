"""From the outbox to the world: stream, bus, and one sink each for webhooks, mail and SNS."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_events as events
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra import grants as to
from infra.environment import Environment, PipelineParts, merge
from infra.media_bucket import POSTERS
from infra.outbox import Outbox
from infra.python_function import PythonFunction
from infra.sink import Sink
from infra.state_machine import StateMachine
from infra.topic import build_topic

_SINK_S = 30
_DELIVERY_S = 30
_SMALL_MB = 256


class Notifications(Construct):
    """Publish, and the three sinks with their functions."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: PipelineParts,
        bus: events.IEventBus,
        state_machines: Path,
    ) -> None:
        super().__init__(scope, construct_id)
        self._parts = parts
        self._env = Environment(parts)
        self._bus = bus
        self.outbox = Outbox(self, "Outbox", parts=parts, bus=bus)
        self.topic = build_topic(self, "Topic", stage=parts.stage)
        self.sender = self._build_sender()
        webhooks, mails, topics = (self._build_sink(sink) for sink in ("Webhook", "Email", "Sns"))
        self.workflow = self._build_workflow(webhooks, state_machines / "deliver_webhook.asl.json")
        self.start_webhook = self._build_start_webhook(webhooks)
        self.send_email = self._build_send_email(mails)
        self.announce = self._build_announce(topics)
        webhooks.feed(self.start_webhook)
        mails.feed(self.send_email)
        topics.feed(self.announce)
        self.dead_letters = {
            "Outbox": self.outbox.dead_letters,
            "Webhook": webhooks.dead_letters,
            "Email": mails.dead_letters,
            "Sns": topics.dead_letters,
        }

    def _build_sender(self) -> ses.EmailIdentity:
        identity = ses.Identity.email(self._parts.stage.sender)
        return ses.EmailIdentity(self, "Sender", identity=identity)

    def _build_workflow(self, webhooks: Sink, definition: Path) -> StateMachine:
        """Build the delivery of one event: ASL's Retry is its schedule."""
        parts, env = self._parts, self._env
        deliver = PythonFunction(
            self,
            "DeliverWebhook",
            sources=parts.sources,
            timeout_s=_DELIVERY_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.secrets, env.outbound),
            grants=[
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.read_signing_secret(self, parts.stage),
            ],
        )
        return StateMachine(
            self,
            "Delivery",
            stage=parts.stage,
            definition=definition,
            tasks=[deliver],
            values={"WebhookDeadLetterQueueUrl": webhooks.dead_letters.queue_url},
            grants=[to.send_messages(webhooks.dead_letters)],
        )

    def _build_start_webhook(self, sink: Sink) -> PythonFunction:
        return PythonFunction(
            self,
            "StartWebhook",
            sources=self._parts.sources,
            timeout_s=_SINK_S,
            memory_mb=_SMALL_MB,
            environment={"WEBHOOK_STATE_MACHINE_ARN": self.workflow.start_arn},
            grants=[to.consume(sink.queue), to.start_executions(self.workflow.start_arn)],
        )

    def _build_send_email(self, sink: Sink) -> PythonFunction:
        parts, env = self._parts, self._env
        sender = {"SENDER": parts.stage.sender}
        return PythonFunction(
            self,
            "SendEmail",
            sources=parts.sources,
            timeout_s=_SINK_S,
            memory_mb=_SMALL_MB,
            environment=merge(env.table, env.bucket, env.public_url, sender),
            grants=[
                to.consume(sink.queue),
                to.read_rows(parts.table),
                to.write_rows(parts.table),
                to.read_objects(parts.bucket, POSTERS),
                to.tell_missing_objects(parts.bucket),
                to.send_mail(self, parts.stage),
            ],
        )

    def _build_announce(self, sink: Sink) -> PythonFunction:
        return PythonFunction(
            self,
            "Announce",
            sources=self._parts.sources,
            timeout_s=_SINK_S,
            memory_mb=_SMALL_MB,
            environment=merge(self._env.table, {"TOPIC_ARN": self.topic.topic_arn}),
            grants=[
                to.consume(sink.queue),
                to.read_rows(self._parts.table),
                to.write_rows(self._parts.table),
                to.publish_messages(self.topic),
            ],
        )

    def _build_sink(self, name: str) -> Sink:
        """Queue the events that name this sink."""
        sink = Sink(self, f"{name}Queue", stage=self._parts.stage, handling_s=_SINK_S)
        sink.listen(self._bus, {"sinks": [name.lower()]})
        return sink
