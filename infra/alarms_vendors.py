"""Alarms on vendors: whether they serve us, what they cost, whether we know what they did."""

from __future__ import annotations

from collections.abc import Iterator

from infra.alarm import CRITICAL, INFO, WARNING, Alarm
from infra.metrics import OwnMetrics, error_rate
from infra.stage import StageConfig

DAY_MINUTES = 1440
_LEAST_CALLS = 20
_BAD_PERCENT = 20
_UNKNOWN_S = 900
_SLOW_S = 120
_NEAR_BUDGET = 0.8


def vendor_alarms(stage: StageConfig, metrics: OwnMetrics) -> Iterator[Alarm]:
    """Watch each vendor of the stage, and the money."""
    for vendor in metrics.vendors:
        yield from _of_service(vendor, metrics)
        yield from _of_results(vendor, metrics)
    spent = metrics.of_every_vendor("CostUsd", label="Spent", minutes=DAY_MINUTES)
    yield Alarm(
        name="spend-over-budget",
        level=CRITICAL,
        text=(
            f"Vendors have cost more than the day's budget of ${stage.daily_budget_usd}. Nothing "
            "is stopped. Find the tenant; revoke its key if nobody wanted this."
        ),
        section="spend",
        metric=spent,
        at_least=stage.daily_budget_usd,
    )
    yield Alarm(
        name="spend-near-budget",
        level=INFO,
        text=(
            f"Vendors have cost 80 % of the day's budget of ${stage.daily_budget_usd}. Look at the "
            "dashboard's row Money: is it growth, or one tenant?"
        ),
        section="spend",
        metric=spent,
        at_least=_NEAR_BUDGET * stage.daily_budget_usd,
    )
    yield Alarm(
        name="models-retiring",
        level=INFO,
        text=(
            "A model of the catalogue retires within 30 days: jobs that name it will be refused. "
            "GET /v1/models says which, and its replacement. Tell the tenants that use it."
        ),
        section="retiring-models",
        metric=metrics.plain("RetiringModels", "Maximum", minutes=DAY_MINUTES),
    )


def _of_service(vendor: str, metrics: OwnMetrics) -> Iterator[Alarm]:
    """Watch whether the vendor takes what we send."""
    yield Alarm(
        name=f"{vendor}-locked-out",
        level=CRITICAL,
        text=(
            f"{vendor} refuses our credentials, or the balance is used up, or there is no secret: "
            "no job can be made there. Check the secret and the vendor's console."
        ),
        section="vendor-locked-out",
        metric=metrics.of_vendor("VendorErrorsLockedOut", vendor, "Sum"),
    )
    yield Alarm(
        name=f"{vendor}-error-rate",
        level=WARNING,
        text=(
            f"More than {_BAD_PERCENT} % of the calls to {vendor} fail by its own fault. Jobs wait "
            "and try again, or go to their fallbacks. See the vendor's status page."
        ),
        section="vendor-errors",
        metric=error_rate(metrics, vendor, least_calls=_LEAST_CALLS),
        at_least=_BAD_PERCENT,
        bad=3,
        of=3,
    )
    yield Alarm(
        name=f"{vendor}-throttles",
        level=INFO,
        text=(
            f"{vendor} has no room for our submits. They wait and are tried again. If it lasts, "
            "buy more concurrency there, or send less."
        ),
        section="vendor-throttles",
        metric=metrics.of_vendor("Throttles", vendor, "Sum"),
        at_least=20,
        bad=3,
        of=3,
    )


def _of_results(vendor: str, metrics: OwnMetrics) -> Iterator[Alarm]:
    """Watch whether we know what became of it, and how soon."""
    yield Alarm(
        name=f"{vendor}-unknown-attempts",
        level=WARNING,
        text=(
            f"For 15 minutes nobody has known whether {vendor} took a paid submit. It is looked up "
            "until its job's deadline and never sent twice. Look for the task in the vendor's "
            "console."
        ),
        section="unknown-attempts",
        metric=metrics.of_vendor("UnknownSeconds", vendor, "Maximum"),
        at_least=_UNKNOWN_S,
    )
    yield Alarm(
        name=f"{vendor}-detection-delay",
        level=INFO,
        text=(
            f"Finished videos of {vendor} are seen late: callbacks do not come, or the poller has "
            "no room. Callers wait longer; nothing is lost."
        ),
        section="detection-delay",
        metric=metrics.of_vendor("DetectionDelay", vendor, "p95", minutes=15),
        at_least=_SLOW_S,
        bad=2,
        of=2,
    )
