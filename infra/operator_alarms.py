"""What operators are told: every alarm, every parked job, and a chat that repeats both."""

from __future__ import annotations

from typing import cast

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarm import WARNING, AlarmBoard
from infra.alarm_topics import AlarmTopics
from infra.alarms_functions import function_alarms
from infra.alarms_inbox import inbox_alarms
from infra.alarms_queues import DEAD_LETTERS, queue_alarms
from infra.alarms_services import api_alarms, mail_alarms, table_alarms
from infra.alarms_vendors import vendor_alarms
from infra.alarms_workflows import watch_alarms, workflow_alarms
from infra.alert_chat import build_alert_chat
from infra.dead_letter_queue import build_dead_letter_queue
from infra.environment import PipelineParts
from infra.event_bus import SOURCE
from infra.inbox import Inbox
from infra.metrics import OwnMetrics
from infra.notifications import Notifications
from infra.state_machine import StateMachine
from infra.watch import Watch

_PARKED = "job.parked"


class OperatorAlarms(Construct):
    """Watches everything that is in the stack when this is made: so it is made last.

    Queues, functions and state machines are found, not listed: what is new is watched as well.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: PipelineParts,
        bus: events.IEventBus,
        api_id: str,
        notifications: Notifications,
        watch: Watch,
        inbox: Inbox,
    ) -> None:
        super().__init__(scope, construct_id)
        stage = parts.stage
        self.topics = AlarmTopics(self, "Topics", stage=stage)
        self._tell(parts, bus)
        self.board = AlarmBoard(self, "Alarms", stage=stage, topics=self.topics)
        found = Stack.of(self).node.find_all()
        self.functions = [c for c in found if isinstance(c, lambda_.Function)]
        self.queues = [c for c in found if isinstance(c, sqs.Queue)]
        self.workflows = [c for c in found if isinstance(c, StateMachine)]
        metrics = OwnMetrics(stage)
        for alarm in (
            *queue_alarms(self.queues),
            *function_alarms(self.functions, durations=stage.alarms_on_durations),
            *workflow_alarms(self.workflows),
            *watch_alarms(metrics, sweep=watch.sweep, publish=notifications.outbox.publish),
            *inbox_alarms(metrics, inbox.sweep_inbox),
            *vendor_alarms(stage, metrics),
            *api_alarms(api_id),
            *table_alarms(parts.table.table_name),
            *mail_alarms(),
        ):
            self.board.hang(alarm)
        if not stage.on_host:
            self.board.hang_release()

    def _tell(self, parts: PipelineParts, bus: events.IEventBus) -> None:
        """Connect the chat, where the stage has one, and the jobs that need a person."""
        dead_letters = build_dead_letter_queue(self, DEAD_LETTERS, stage=parts.stage)
        if (secret := parts.stage.alarms_webhook_secret) is not None:
            chat = build_alert_chat(self, parts, secret=secret, dead_letters=dead_letters)
            self.topics.tell(chat, dead_letters)
        self._tell_parked_jobs(bus, dead_letters)

    def _tell_parked_jobs(self, bus: events.IEventBus, dead_letters: sqs.IQueue) -> None:
        """Tell of every parked job at once and by name: an alarm would only say there is one."""
        topic = targets.SnsTopic(self.topics.of(WARNING), dead_letter_queue=dead_letters)
        events.Rule(
            self,
            "Parked",
            event_bus=bus,
            event_pattern=events.EventPattern(source=[SOURCE], detail_type=[_PARKED]),
            targets=[cast(events.IRuleTarget, topic)],
        )
