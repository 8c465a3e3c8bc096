"""Log groups: the only resources with a name of their own, so that a person finds them."""

from __future__ import annotations

from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stage import StageConfig

_RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    180: logs.RetentionDays.SIX_MONTHS,
}


def build_log_group(
    scope: Construct, construct_id: str, *, stage: StageConfig, name: str
) -> logs.LogGroup:
    """Create a log group of this name, kept as long as the stage says."""
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_RETENTION[stage.log_retention_days],
        removal_policy=stage.removal_policy,
    )
