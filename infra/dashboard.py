"""The dashboard: from "is it healthy?" down to single functions."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra import dashboard_rows as rows
from infra.alarm import CRITICAL, WARNING
from infra.environment import PipelineParts
from infra.metrics import OwnMetrics
from infra.operator_alarms import OperatorAlarms

_WIDE = 24


class OperatorDashboard(Construct):
    """One page, read from the top: each row says in a sentence what it shows."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: PipelineParts,
        api_id: str,
        alarms: OperatorAlarms,
    ) -> None:
        super().__init__(scope, construct_id)
        stage = parts.stage
        metrics = OwnMetrics(stage)
        self._page = cloudwatch.Dashboard(
            self,
            "Page",
            dashboard_name=f"dailies-{stage.name}",
            default_interval=Duration.hours(12),
        )
        self._say(
            "**Is it healthy?** Alarms that are red need somebody now (critical) or today "
            "(warning): docs/operating.md says for each what to do.",
            heading=f"Dailies, {stage.name}",
        )
        self._page.add_widgets(*self._alarm_lists(alarms))
        self._page.add_widgets(*rows.health(metrics))
        for text, widgets in (
            rows.money(metrics, stage),
            rows.waiting(metrics),
            rows.vendors(metrics),
            rows.stages(metrics),
            rows.enhancement(metrics),
            rows.queues(alarms.queues),
            rows.functions(alarms.functions, metrics),
            rows.api(api_id),
        ):
            self._say(text)
            self._page.add_widgets(*widgets)

    def _say(self, text: str, *, heading: str | None = None) -> None:
        markdown = f"# {heading}\n{text}" if heading else text
        self._page.add_widgets(
            cloudwatch.TextWidget(markdown=markdown, width=_WIDE, height=2 if heading else 1)
        )

    def _alarm_lists(self, alarms: OperatorAlarms) -> list[cloudwatch.IWidget]:
        return [
            cloudwatch.AlarmStatusWidget(
                title=title,
                alarms=[
                    cast(cloudwatch.IAlarm, made)
                    for alarm, made in alarms.board.hung
                    if alarm.level is level
                ],
                width=12,
                height=5,
            )
            for title, level in (("Critical: now", CRITICAL), ("Warning: today", WARNING))
        ]
