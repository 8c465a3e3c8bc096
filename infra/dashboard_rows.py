"""The rows of the dashboard: one sentence, then pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.alarms_functions import function_name
from infra.alarms_queues import is_dead_letters, queue_name
from infra.dashboard_graph import graph
from infra.metrics import FAULTS, STAGES, OwnMetrics, math, of_service
from infra.stage import StageConfig

DAY = 1440
_WIDE = 24

Row = tuple[str, list[cloudwatch.IWidget]]
"""What the row tells, and its pictures."""

_ENDS = {
    "JobsSucceeded": "#2ca02c",
    "JobsFailed": "#d62728",
    "JobsExpired": "#ff7f0e",
    "JobsCanceled": "#7f7f7f",
    "JobsParked": "#9467bd",
}


def health(metrics: OwnMetrics) -> list[cloudwatch.IWidget]:
    """Show how jobs end, and whether one stands still."""
    ends = [
        _colored(metrics.of_every_vendor(name, label=name[4:], jobs=True), color)
        for name, color in _ENDS.items()
    ]
    due = [
        metrics.plain("OldestDueJobSeconds", "Maximum"),
        metrics.plain("OutboxLag", "Maximum"),
    ]
    return [
        graph("Jobs by how they ended", ends, 14, stacked=True),
        graph("Oldest overdue job and event (s): should be below 120", due, 10, line=600),
    ]


def money(metrics: OwnMetrics, stage: StageConfig) -> Row:
    """Show what vendors cost."""
    spent = [metrics.of_vendor("CostUsd", v, "Sum", minutes=DAY) for v in metrics.vendors]
    hourly = [metrics.of_vendor("CostUsd", v, "Sum", minutes=60) for v in metrics.vendors]
    return (
        f"**Money.** What vendors cost; the red line is the day's budget of "
        f"${stage.daily_budget_usd}. It stops nothing.",
        [
            graph("Dollars a day, by vendor", spent, 12, stacked=True, line=stage.daily_budget_usd),
            graph("Dollars an hour, by vendor", hourly, 12, stacked=True),
        ],
    )


def waiting(metrics: OwnMetrics) -> Row:
    """Show how late results are seen, and at what price."""
    delays = [
        metrics.of_vendor("DetectionDelay", v, q, label=f"{v} {q}")
        for v in metrics.vendors
        for q in ("p50", "p95")
    ]
    polls = [_polls_per_job(metrics, v) for v in metrics.vendors]
    return (
        "**Waiting.** Seconds from a vendor's end of a video to our seeing it, and how many "
        "questions a video takes. Callbacks make both small.",
        [
            graph("Detection delay (s)", delays, 12, line=120),
            graph("Polls per finished job", polls, 12),
        ],
    )


def vendors(metrics: OwnMetrics) -> Row:
    """Show whether vendors serve us."""
    names = ("Submits", "Throttles", "VendorErrorsThrottled", *FAULTS)
    errors = [
        graph(
            f"{v}: submits and errors",
            [metrics.of_vendor(n, v, "Sum", label=n.removeprefix("VendorErrors")) for n in names],
            _WIDE // 3,
        )
        for v in metrics.vendors
    ]
    verdicts = [
        metrics.of_vendor(n, v, "Sum", label=f"{v} {n.removeprefix('VendorErrors').lower()}")
        for v in metrics.vendors
        for n in ("VendorErrorsRejected", "VendorErrorsBlocked", "VendorErrorsDuplicate")
    ]
    unknown = [
        metrics.of_vendor("UnknownAttempts", v, "Sum", label=f"{v} look-ups in doubt")
        for v in metrics.vendors
    ]
    age = [
        metrics.of_vendor("UnknownSeconds", v, "Maximum", label=f"{v} longest in doubt (s)")
        for v in metrics.vendors
    ]
    return (
        "**Vendors.** Submits and what came of them. *LockedOut* means credentials or balance: "
        "act. *In doubt*: a paid submit whose answer was lost; it should come back to nothing.",
        [
            *errors,
            graph("Requests that vendors refused", verdicts, _WIDE // 3),
            graph("Submits in doubt", unknown, _WIDE // 3, right=age),
        ],
    )


def stages(metrics: OwnMetrics) -> Row:
    """Show where jobs spend their time."""
    widgets: list[cloudwatch.IWidget] = [
        graph(
            f"{vendor}: seconds per stage, {quantile}",
            [metrics.of_stage("StageSeconds", vendor, s, quantile) for s in STAGES],
            _WIDE // 2,
        )
        for vendor in metrics.vendors
        for quantile in ("p50", "p95")
    ]
    return (
        "**Stages.** Where jobs spend their time. *generating* is the vendor's; all the others "
        "are ours and should be seconds.",
        widgets,
    )


def enhancement(metrics: OwnMetrics) -> Row:
    """Show what becomes of enhancements, and what they cost."""
    ends = [metrics.plain(f"EnhanceTries{end}", "Sum") for end in ("Succeeded", "Failed", "Lost")]
    faults = [metrics.plain(name, "Sum") for name in ("CheckFailures", "EnhanceReportsRefused")]
    spent = [metrics.plain("EnhanceCostUsd", "Sum", minutes=DAY)]
    return (
        "**Enhancement.** Tries by how they ended. *Lost* ones left no report: their machines "
        "were taken away or never came.",
        [
            graph("Tries", ends, 8, stacked=True),
            graph("Checks that failed, reports that were refused", faults, 8),
            graph("Machines (dollars a day)", spent, 8),
        ],
    )


def queues(all_queues: Sequence[sqs.Queue]) -> Row:
    """Show what waits and what was given up."""
    waits = [q for q in all_queues if not is_dead_letters(q)]
    dead = [q for q in all_queues if is_dead_letters(q)]
    return (
        "**Queues.** Messages on their way to webhooks, mail and SNS. Dead letters are work for a "
        "person: there should be none.",
        [
            graph("Waiting messages", list(_depths(waits)), 8),
            graph("Oldest waiting message (s)", list(_ages(waits)), 8, line=900),
            graph("Dead letters", list(_depths(dead)), 8, line=1),
        ],
    )


def functions(all_functions: Sequence[lambda_.Function], metrics: OwnMetrics) -> Row:
    """Show errors, time and room."""

    def each(name: str, statistic: str) -> list[cloudwatch.IMetric]:
        return [
            function.metric(
                name,
                statistic=statistic,
                period=Duration.minutes(5),
                label=function_name(function),
            )
            for function in all_functions
        ]

    ours = [metrics.plain(name, "Sum") for name in ("WebhookFailures", "StuckArrivals")]
    return (
        "**Functions.** A few errors are no news: everything is tried again. Lines that stay up "
        "are.",
        [
            graph("Errors", [*each("Errors", "Sum"), *ours], 12),
            graph("Throttled calls", each("Throttles", "Sum"), 12),
            graph("Duration, p99 (ms)", each("Duration", "p99"), 12),
            graph("Running at the same time", each("ConcurrentExecutions", "Maximum"), 12),
        ],
    )


def api(api_id: str) -> Row:
    """Show the API as callers see it."""
    where = {"ApiId": api_id}

    def one(name: str, statistic: str) -> cloudwatch.Metric:
        label = f"{name} {statistic}" if statistic.startswith("p") else name
        return of_service("AWS/ApiGateway", name, statistic, dimensions=where, label=label)

    return (
        "**API.** What callers see. 4xx are their mistakes, 5xx are ours.",
        [
            graph("Requests", [one("Count", "Sum")], 8),
            graph("Refused (4xx) and failed (5xx)", [one("4xx", "Sum"), one("5xx", "Sum")], 8),
            graph("Latency (ms)", [one("Latency", q) for q in ("p50", "p99")], 8, line=5000),
        ],
    )


def _polls_per_job(metrics: OwnMetrics, vendor: str) -> cloudwatch.MathExpression:
    polls, jobs = f"polls_{vendor}", f"jobs_{vendor}"
    parts = {
        polls: metrics.of_vendor("Polls", vendor, "Sum", minutes=60),
        jobs: metrics.of_vendor("JobsSucceeded", vendor, "Sum", minutes=60),
    }
    return math(f"IF({jobs}>0,{polls}/{jobs})", parts, label=vendor, minutes=60)


def _depths(some: Sequence[sqs.Queue]) -> Iterator[cloudwatch.IMetric]:
    for queue in some:
        yield queue.metric_approximate_number_of_messages_visible(
            statistic="Maximum", label=queue_name(queue)
        )


def _ages(some: Sequence[sqs.Queue]) -> Iterator[cloudwatch.IMetric]:
    for queue in some:
        yield queue.metric_approximate_age_of_oldest_message(
            statistic="Maximum", label=queue_name(queue)
        )


def _colored(metric: cloudwatch.MathExpression, color: str) -> cloudwatch.IMetric:
    return metric.with_(color=color)
