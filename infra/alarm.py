"""One alarm as a value, and the board on which alarms are hung."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from infra.alarm_topics import AlarmTopics
from infra.stage import AlarmLevel, StageConfig

RUNBOOK = "docs/operating.md"

INFO, WARNING, CRITICAL = AlarmLevel.INFO, AlarmLevel.WARNING, AlarmLevel.CRITICAL


@dataclass(frozen=True)
class Alarm:
    """What is watched, when it is bad, and what a person reads then."""

    name: str
    """Stable, in lower case with hyphens; the stage is put before it."""
    level: AlarmLevel
    text: str
    """What it means and what to do first, for somebody who was asleep a minute ago."""
    section: str
    """The part of the runbook that says the rest, as its link names it."""
    metric: cloudwatch.IMetric
    at_least: float = 1
    """It is bad from this value on."""
    below: bool = False
    """It is bad below `at_least` instead."""
    bad: int = 1
    """How many of the last `of` periods must be bad."""
    of: int = 1
    silence_is_bad: bool = False
    """Whether no data is bad, too."""
    rolls_back: bool = False
    """Whether a new release that raises it is to be taken back."""


class AlarmBoard(Construct):
    """Hangs alarms up; what was hung is what the dashboard shows."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: StageConfig, topics: AlarmTopics
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self._topics = topics
        self.hung: list[tuple[Alarm, cloudwatch.Alarm]] = []

    def hang(self, alarm: Alarm) -> None:
        """Add an alarm. The local stage leaves out what the emulator cannot compute."""
        if self._stage.on_host and isinstance(alarm.metric, cloudwatch.MathExpression):
            return
        made = cloudwatch.Alarm(
            self,
            "".join(word.title() for word in alarm.name.split("-")),
            alarm_name=self._name(alarm.name),
            alarm_description=(f"[{alarm.level.value}] {alarm.text} See {RUNBOOK}#{alarm.section}"),
            metric=_without_label(alarm.metric),
            threshold=alarm.at_least,
            comparison_operator=_operator(alarm),
            evaluation_periods=alarm.of,
            datapoints_to_alarm=alarm.bad,
            treat_missing_data=_missing(alarm),
        )
        action = self._action(alarm.level)
        made.add_alarm_action(action)
        if alarm.level is not INFO:
            made.add_ok_action(action)
        self.hung.append((alarm, made))

    def hang_release(self) -> None:
        """Add the one alarm that a pipeline looks at after a release."""
        watched = [made for alarm, made in self.hung if alarm.rolls_back]
        release = cloudwatch.CompositeAlarm(
            self,
            "Release",
            composite_alarm_name=self._name("release"),
            alarm_description=(
                "[info] One of the alarms that a bad release raises. After a release: roll back. "
                f"See {RUNBOOK}#releases"
            ),
            alarm_rule=cloudwatch.AlarmRule.any_of(
                *(
                    cloudwatch.AlarmRule.from_alarm(
                        cast(cloudwatch.IAlarm, made), cloudwatch.AlarmState.ALARM
                    )
                    for made in watched
                )
            ),
        )
        release.add_alarm_action(self._action(INFO))

    def _name(self, name: str) -> str:
        return f"dailies-{self._stage.name}-{name}"

    def _action(self, level: AlarmLevel) -> cloudwatch.IAlarmAction:
        return cast(cloudwatch.IAlarmAction, actions.SnsAction(self._topics.of(level)))


def _without_label(metric: cloudwatch.IMetric) -> cloudwatch.IMetric:
    """Return the metric without its label, for which the CDK would write an expression."""
    if not isinstance(metric, cloudwatch.Metric):
        return metric
    plain = cloudwatch.Metric(
        namespace=metric.namespace,
        metric_name=metric.metric_name,
        dimensions_map=metric.dimensions,
        statistic=metric.statistic,
        period=metric.period,
    )
    return cast(cloudwatch.IMetric, plain)


def _operator(alarm: Alarm) -> cloudwatch.ComparisonOperator:
    if alarm.below:
        return cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
    return cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


def _missing(alarm: Alarm) -> cloudwatch.TreatMissingData:
    if alarm.silence_is_bad:
        return cloudwatch.TreatMissingData.BREACHING
    return cloudwatch.TreatMissingData.NOT_BREACHING
