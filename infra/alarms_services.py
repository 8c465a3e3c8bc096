"""Alarms on the AWS services in front of and below our code: API, table, mail."""

from __future__ import annotations

from collections.abc import Iterator

from infra.alarm import CRITICAL, WARNING, Alarm
from infra.metrics import of_service, total

_SLOW_MS = 5_000
_BOUNCES, _COMPLAINTS = 0.05, 0.001
_OPERATIONS = ("GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem")


def api_alarms(api_id: str) -> Iterator[Alarm]:
    """Watch the HTTP API as its callers see it."""
    dimensions = {"ApiId": api_id}
    yield Alarm(
        name="api-5xx",
        level=CRITICAL,
        text=(
            "The API answers with 5xx: callers cannot make or read jobs. After a release: roll "
            "back. Jobs under way go on."
        ),
        section="api",
        metric=of_service("AWS/ApiGateway", "5xx", "Sum", dimensions=dimensions),
        at_least=5,
        bad=2,
        of=3,
        rolls_back=True,
    )
    yield Alarm(
        name="api-latency",
        level=WARNING,
        text=(
            "One request in a hundred takes more than five seconds. Cold starts alone take less; "
            "look at the table's throttles and the function's duration."
        ),
        section="api",
        metric=of_service("AWS/ApiGateway", "Latency", "p99", dimensions=dimensions),
        at_least=_SLOW_MS,
        bad=3,
        of=3,
    )


def table_alarms(table_name: str) -> Iterator[Alarm]:
    """Watch the one table that everything waits for."""
    yield _of_table_throttles(table_name)
    yield _of_table_errors(table_name)


def _of_table_throttles(table_name: str) -> Alarm:
    throttles = {
        name: of_service("AWS/DynamoDB", metric, "Sum", dimensions={"TableName": table_name})
        for name, metric in (("r", "ReadThrottleEvents"), ("w", "WriteThrottleEvents"))
    }
    return Alarm(
        name="table-throttles",
        level=WARNING,
        text=(
            "DynamoDB turns reads or writes away: traffic grew faster than the table does, or one "
            "key is hot. Everything is tried again."
        ),
        section="table",
        metric=total(throttles, label="Throttled"),
        at_least=10,
        bad=2,
        of=3,
    )


def _of_table_errors(table_name: str) -> Alarm:
    errors = {
        f"s{i}": of_service(
            "AWS/DynamoDB",
            "SystemErrors",
            "Sum",
            dimensions={"TableName": table_name, "Operation": operation},
        )
        for i, operation in enumerate(_OPERATIONS)
    }
    return Alarm(
        name="table-system-errors",
        level=WARNING,
        text=(
            "DynamoDB itself fails. Everything is tried again; nothing is lost. See the AWS Health "
            "Dashboard."
        ),
        section="table",
        metric=total(errors, label="System errors"),
        at_least=5,
        bad=2,
        of=3,
    )


def mail_alarms() -> Iterator[Alarm]:
    """Watch the account's reputation as a sender, which all its stages share."""
    yield Alarm(
        name="mail-bounces",
        level=WARNING,
        text=(
            "5 % of the account's mails bounce; at 10 % AWS may stop its mail. Find the tenant "
            "whose jobs name dead addresses."
        ),
        section="mail",
        metric=of_service("AWS/SES", "Reputation.BounceRate", "Maximum", minutes=60),
        at_least=_BOUNCES,
    )
    yield Alarm(
        name="mail-complaints",
        level=WARNING,
        text=(
            "0.1 % of the account's mails are reported as spam; at 0.5 % AWS may stop its mail. "
            "Find the tenant whose mails nobody wanted."
        ),
        section="mail",
        metric=of_service("AWS/SES", "Reputation.ComplaintRate", "Maximum", minutes=60),
        at_least=_COMPLAINTS,
    )
