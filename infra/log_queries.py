"""Questions to the logs, saved where CloudWatch Logs Insights offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stage import StageConfig

_QUERIES: Mapping[str, str] = {
    "one-job": (
        "fields @timestamp, message, level, vendor, attempt, run, code, @log\n"
        "| filter job_id = 'job_...'\n"
        "| sort @timestamp asc\n"
        "| limit 1000"
    ),
    "errors-by-code": (
        "filter level = 'ERROR'\n| stats count(*) as errors by @log, message, code\n"
        "| sort errors desc"
    ),
    "vendor-trouble": (
        "filter message = 'vendor'\n| stats count(*) as times by bin(5m), vendor, code\n"
        "| sort times desc"
    ),
    "slow-and-big": (
        "filter @type = 'REPORT'\n"
        "| stats count(*) as calls, pct(@duration, 50) as p50_ms, pct(@duration, 99) as p99_ms,\n"
        "  max(@maxMemoryUsed / 1000000) as most_mb by @log\n"
        "| sort p99_ms desc"
    ),
    "cold-starts": (
        "filter @type = 'REPORT' and ispresent(@initDuration)\n"
        "| stats count(*) as starts, pct(@initDuration, 50) as p50_ms, max(@initDuration) as "
        "most_ms by @log\n| sort starts desc"
    ),
    "time-outs": (
        "filter @message like /Task timed out|Runtime exited/\n"
        "| stats count(*) as times by @log, bin(15m)\n| sort times desc"
    ),
    "spend-by-vendor": (
        "filter ispresent(CostUsd.0)\n| stats sum(CostUsd.0) as usd by bin(1h), vendor\n"
        "| sort usd desc"
    ),
}
_ACCESS = (
    "stats count(*) as requests, pct(latencyMs, 99) as p99_ms by routeKey, status, tenant\n"
    "| sort requests desc"
)


class LogQueries(Construct):
    """One saved query per question of the runbook."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: StageConfig,
        functions: Sequence[logs.ILogGroup],
        access: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        for name, text in _QUERIES.items():
            self._save(stage, name, text, functions)
        self._save(stage, "api-requests", _ACCESS, [access])

    def _save(
        self, stage: StageConfig, name: str, text: str, groups: Sequence[logs.ILogGroup]
    ) -> None:
        logs.CfnQueryDefinition(
            self,
            "".join(word.title() for word in name.split("-")),
            name=f"dailies/{stage.name}/{name}",
            query_string=text,
            log_group_names=[group.log_group_name for group in groups],
        )
