"""Where alarms go: one topic per level, to mail and to a chat."""

from __future__ import annotations

from typing import cast

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.python_function import PythonFunction
from infra.stage import AlarmLevel, StageConfig
from infra.topic import build_topic


class AlarmTopics(Construct):
    """A topic per level: a person subscribes to as much as they want to be woken for."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        super().__init__(scope, construct_id)
        self._topics = {level: self._build(level, stage) for level in AlarmLevel}

    def of(self, level: AlarmLevel) -> sns.ITopic:
        """Return the topic of a level."""
        return self._topics[level]

    def tell(self, function: PythonFunction, dead_letters: sqs.IQueue) -> None:
        """Hand every message of every level to a function."""
        for topic in self._topics.values():
            topic.add_subscription(
                cast(
                    sns.ITopicSubscription,
                    subscriptions.LambdaSubscription(
                        function.alias, dead_letter_queue=dead_letters
                    ),
                )
            )

    def _build(self, level: AlarmLevel, stage: StageConfig) -> sns.ITopic:
        topic = build_topic(self, level.value.title(), stage=stage)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[cast(iam.IPrincipal, iam.ServicePrincipal("cloudwatch.amazonaws.com"))],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        address = stage.alarms_email.get(level)
        if address is not None:
            sns.Subscription(
                self,
                f"{level.value.title()}Email",
                topic=topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=address,
            )
        return topic
