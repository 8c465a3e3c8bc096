"""What an operator is told: messages that nobody could handle, and jobs that need a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.event_bus import SOURCE
from infra.stage import StageConfig
from infra.topic import build_topic

_PARKED = "job.parked"
_PERIOD_MINUTES = 5


class OperatorAlarms(Construct):
    """A topic for operators, fed by an alarm per dead-letter queue and by parked jobs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        bus: events.IEventBus,
        dead_letters: Mapping[str, sqs.IQueue],
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._build_topic(stage)
        for name, queue in dead_letters.items():
            self._watch(name, queue)
        # Every parked job is told at once and by name: an alarm would only say that there is one.
        events.Rule(
            self,
            "Parked",
            event_bus=bus,
            event_pattern=events.EventPattern(source=[SOURCE], detail_type=[_PARKED]),
            targets=[
                cast(
                    events.IRuleTarget,
                    targets.SnsTopic(self.topic, dead_letter_queue=dead_letters["Outbox"]),
                )
            ],
        )

    def _build_topic(self, stage: StageConfig) -> sns.ITopic:
        topic = build_topic(self, "Topic", stage=stage)
        account = Stack.of(self).account
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[cast(iam.IPrincipal, iam.ServicePrincipal("cloudwatch.amazonaws.com"))],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": account}},
            )
        )
        if stage.alarms_email is not None:
            sns.Subscription(
                self,
                "Email",
                topic=topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=stage.alarms_email,
            )
        return topic

    def _watch(self, name: str, queue: sqs.IQueue) -> None:
        """Raise an alarm as soon as one message lies in a dead-letter queue."""
        metric = queue.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(_PERIOD_MINUTES), statistic="Maximum"
        )
        alarm = cloudwatch.Alarm(
            self,
            f"{name}DeadLetters",
            alarm_description=f"Dailies: the {name} dead-letter queue is not empty",
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(cast(cloudwatch.IAlarmAction, actions.SnsAction(self.topic)))
