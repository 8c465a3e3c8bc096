"""Structured logs and metrics. Only allow-listed fields go out: no prompt, URL, secret or reply.

A metric is one line of CloudWatch's embedded metric format, written the moment it is known: a
function that dies after it has lost nothing. It costs no call, only the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from dailies.domain.attempts import Attempt
from dailies.domain.jobs import Stage

FIELDS: Final = frozenset(
    {
        "attempt",
        "code",
        "error",
        "event_id",
        "job_id",
        "model",
        "outcome",
        "route",
        "run",
        "sink",
        "status",
        "step",
        "tenant",
        "trace_id",
        "vendor",
    }
)
"""What a log line may say beside its message."""

_OWN_FIELDS: Final = frozenset(
    {
        "exception_name",
        "level",
        "location",
        "message",
        "service",
        "stack_trace",
        "timestamp",
        "xray_trace_id",
    }
)
"""What the logger says by itself. Not the text of an exception: it may quote what was sent."""

VENDOR_ERRORS: Final[Mapping[str, str]] = {
    "provider_unavailable": "VendorErrorsUnavailable",
    "provider_throttled": "VendorErrorsThrottled",
    "provider_rejected": "VendorErrorsRejected",
    "provider_duplicate": "VendorErrorsDuplicate",
    "submit_unknown": "VendorErrorsUnknown",
    "unknown_status": "VendorErrorsOdd",
}
"""The metric that counts a vendor's error, by our code for it."""

METRICS: Final[Mapping[str, MetricUnit]] = {
    "CheckFailures": MetricUnit.Count,
    "CostUsd": MetricUnit.NoUnit,
    "DetectionDelay": MetricUnit.Seconds,
    "DueJobs": MetricUnit.Count,
    "EnhanceCostUsd": MetricUnit.NoUnit,
    "EnhanceReportsRefused": MetricUnit.Count,
    "EnhanceTriesFailed": MetricUnit.Count,
    "EnhanceTriesLost": MetricUnit.Count,
    "EnhanceTriesSucceeded": MetricUnit.Count,
    "JobsCanceled": MetricUnit.Count,
    "JobsExpired": MetricUnit.Count,
    "JobsFailed": MetricUnit.Count,
    "JobsParked": MetricUnit.Count,
    "JobsSucceeded": MetricUnit.Count,
    "OldestDueJobSeconds": MetricUnit.Seconds,
    "OutboxLag": MetricUnit.Seconds,
    "Polls": MetricUnit.Count,
    "RetiringModels": MetricUnit.Count,
    "StageSeconds": MetricUnit.Seconds,
    "StuckArrivals": MetricUnit.Count,
    "Submits": MetricUnit.Count,
    "Throttles": MetricUnit.Count,
    "UnknownAttempts": MetricUnit.Count,
    "UnknownSeconds": MetricUnit.Seconds,
    "WebhookFailures": MetricUnit.Count,
    "VendorErrorsBlocked": MetricUnit.Count,
    "VendorErrorsFailed": MetricUnit.Count,
    "VendorErrorsLockedOut": MetricUnit.Count,
    **dict.fromkeys(VENDOR_ERRORS.values(), MetricUnit.Count),
}
"""Every metric there is, with its unit; alarms and dashboard know no other."""

_NAMESPACE: Final = AmazonCloudWatchEMFProvider().namespace or "Dailies"
"""Powertools reads it from POWERTOOLS_METRICS_NAMESPACE, which differs by stage."""


class _AllowListed(LambdaPowertoolsFormatter):
    """Keeps fields that nobody allowed out of a line, whoever put them there."""

    def serialize(self, log: Any) -> str:
        line: dict[str, Any] = {k: v for k, v in log.items() if k in FIELDS | _OWN_FIELDS}
        if stack := line.get("stack_trace"):
            line["stack_trace"] = {k: v for k, v in stack.items() if k != "value"}
        return super().serialize(line)  # pyright: ignore[reportArgumentType]


logger = Logger(
    service="dailies", log_uncaught_exceptions=False, logger_formatter=_AllowListed(utc=True)
)


def bind(**fields: object) -> None:
    """Put fields on every line of this invocation, and take the last invocation's away."""
    logger.structure_logs(append=False)  # pyright: ignore[reportUnknownMemberType]
    logger.append_keys(**{k: v for k, v in fields.items() if k in FIELDS})


def count(
    name: str, value: float = 1, *, vendor: str | None = None, stage: Stage | None = None
) -> None:
    """Write one value of a metric.

    It has no dimension but `vendor` and `stage`: each combination of values is a metric that is
    paid for by the month, so that neither a job nor a tenant may be one.
    """
    dimensions = {"vendor": vendor, "stage": stage.value if stage else None}
    line = AmazonCloudWatchEMFProvider(
        namespace=_NAMESPACE, dimension_set={k: v for k, v in dimensions.items() if v}
    )
    line.add_metric(name, METRICS[name], value)
    line.flush_metrics()


def warn_of_vendor(code: str, attempt: Attempt) -> None:
    """Say and count that a vendor answered something odd: a word we do not know, or nothing."""
    if code in VENDOR_ERRORS:
        count(VENDOR_ERRORS[code], vendor=attempt.vendor)
    logger.warning(
        "vendor",
        extra={
            "code": code,
            "vendor": attempt.vendor,
            "model": attempt.model,
            "job_id": attempt.job_id,
            "attempt": attempt.number,
        },
    )
