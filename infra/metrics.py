"""The metrics that our own code writes, as alarms and the dashboard read them.

The names are those of `dailies.observability.METRICS`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.stage import StageConfig

NO_VENDOR = "none"
"""The vendor of jobs that ended before any was asked."""

FAULTS = (
    "VendorErrorsUnavailable",
    "VendorErrorsUnknown",
    "VendorErrorsOdd",
    "VendorErrorsLockedOut",
    "VendorErrorsFailed",
)
"""Errors that are the vendor's own fault, not the request's and not our pace."""

STAGES = ("validating", "submitting", "generating", "storing", "checking", "notifying")
"""What a job is doing, in order: the values of the dimension `stage`."""


class OwnMetrics:
    """Makes references to the metrics of one stage."""

    def __init__(self, stage: StageConfig) -> None:
        self._namespace = stage.metrics_namespace
        self.vendors = stage.providers

    def plain(self, name: str, statistic: str, *, minutes: int = 5) -> cloudwatch.Metric:
        """Refer to a metric without dimensions."""
        return self._make(name, {}, statistic, minutes, name)

    def of_vendor(
        self, name: str, vendor: str, statistic: str, *, minutes: int = 5, label: str | None = None
    ) -> cloudwatch.Metric:
        """Refer to one vendor's metric."""
        return self._make(name, {"vendor": vendor}, statistic, minutes, label or vendor)

    def of_stage(
        self, name: str, vendor: str, stage: str, statistic: str, *, minutes: int = 5
    ) -> cloudwatch.Metric:
        """Refer to one vendor's metric in one stage of its jobs."""
        dimensions = {"vendor": vendor, "stage": stage}
        return self._make(name, dimensions, statistic, minutes, f"{vendor} {stage} {statistic}")

    def of_every_vendor(
        self, name: str, *, label: str, minutes: int = 5, jobs: bool = False
    ) -> cloudwatch.MathExpression:
        """Refer to the sum over the vendors; of `jobs`, also over those that never had one."""
        vendors = (*self.vendors, NO_VENDOR) if jobs else self.vendors
        parts = {
            _id(name, vendor): self.of_vendor(name, vendor, "Sum", minutes=minutes)
            for vendor in vendors
        }
        return total(parts, label=label, minutes=minutes)

    def _make(
        self, name: str, dimensions: dict[str, str], statistic: str, minutes: int, label: str
    ) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=name,
            dimensions_map=dimensions or None,
            statistic=statistic,
            period=Duration.minutes(minutes),
            label=label,
        )


def total(
    parts: dict[str, cloudwatch.Metric], *, label: str, minutes: int = 5
) -> cloudwatch.MathExpression:
    """Add metrics up; one that has no data counts as nothing."""
    terms = "+".join(f"FILL({name},0)" for name in parts)
    return math(terms, parts, label=label, minutes=minutes)


def math(
    expression: str, parts: dict[str, cloudwatch.Metric], *, label: str, minutes: int = 5
) -> cloudwatch.MathExpression:
    """Compute with metrics."""
    return cloudwatch.MathExpression(
        expression=expression,
        using_metrics=dict(parts),
        label=label,
        period=Duration.minutes(minutes),
    )


def of_service(
    namespace: str,
    name: str,
    statistic: str,
    *,
    dimensions: dict[str, str] | None = None,
    minutes: int = 5,
    label: str | None = None,
) -> cloudwatch.Metric:
    """Refer to a metric that AWS itself writes."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=Duration.minutes(minutes),
        label=label or name,
    )


def _id(*words: str) -> str:
    """Name a metric within an expression; no two of one picture may be called the same."""
    return "_".join(words).lower().replace("-", "_")


def error_rate(
    metrics: OwnMetrics, vendor: str, *, least_calls: int, minutes: int = 5
) -> cloudwatch.MathExpression:
    """Refer to the share in percent of a vendor's calls that failed by its fault.

    Below `least_calls` it is zero: one failure of two is no rate.
    """
    faults = _named("e", metrics, FAULTS, vendor, minutes)
    calls = _named("c", metrics, ("Submits", "Polls"), vendor, minutes)
    wrong, asked = (_sum(names) for names in (faults, calls))
    return math(
        f"IF({asked}>={least_calls},100*({wrong})/({asked}),0)",
        {**faults, **calls},
        label=vendor,
        minutes=minutes,
    )


def _named(
    prefix: str, metrics: OwnMetrics, names: Sequence[str], vendor: str, minutes: int
) -> dict[str, cloudwatch.Metric]:
    return {
        f"{prefix}{i}": metrics.of_vendor(name, vendor, "Sum", minutes=minutes, label=name)
        for i, name in enumerate(names)
    }


def _sum(names: dict[str, cloudwatch.Metric]) -> str:
    return "(" + "+".join(f"FILL({name},0)" for name in names) + ")"
