"""What a deployment changes and what it costs, from templates alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from infra.stage import STAGE_NAMES
from tools.deploy.changes import compare, describe
from tools.deploy.prices import Template, idle_cost, unknown_types


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def one(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def cost(*resources: dict[str, Any]) -> dict[str, tuple[int, Decimal]]:
    made: Template = template(**{f"R{n}": r for n, r in enumerate(resources)})
    return {
        item.what: (item.count, item.usd.quantize(Decimal("0.01"))) for item in idle_cost([made])
    }


def test_everything_is_new_when_there_is_no_stack() -> None:
    changes = compare(None, template(A=one("AWS::SQS::Queue"), B=one("AWS::SQS::Queue")))

    assert describe(changes) == ["  create     2  2 SQS Queue"]


def test_nothing_changes_when_only_metadata_differs() -> None:
    old = template(A=one("AWS::SQS::Queue") | {"Metadata": {"aws:asset:path": "a"}})
    new = template(A=one("AWS::SQS::Queue") | {"Metadata": {"aws:asset:path": "b"}})

    assert not compare(old, new)


def test_changes_are_counted_by_type_when_a_stack_is_updated() -> None:
    old = template(A=one("AWS::SQS::Queue"), B=one("AWS::SNS::Topic"))
    new = template(A=one("AWS::SQS::Queue", Fifo=True), C=one("AWS::Events::Rule"))

    assert describe(compare(old, new)) == [
        "  create     1  1 Events Rule",
        "  change     1  1 SQS Queue",
        "  remove     1  1 SNS Topic",
    ]


def test_losses_are_named_when_a_table_would_leave_its_stack() -> None:
    changes = compare(template(Ledger=one("AWS::DynamoDB::GlobalTable")), template())

    assert changes.losses == ["table Ledger"]


def test_alarms_are_billed_by_their_metrics_when_they_compute() -> None:
    def stat(name: str) -> dict[str, Any]:
        return {"MetricStat": {"Metric": {"Namespace": "AWS/Lambda", "MetricName": name}}}

    ratio = one("AWS::CloudWatch::Alarm", Metrics=[stat("Errors"), stat("Calls"), {"Id": "e"}])
    plain = one("AWS::CloudWatch::Alarm", Namespace="AWS/SQS", MetricName="Age")

    assert cost(ratio, plain) == {"alarm metric": (3, Decimal("0.30"))}


def test_own_metrics_are_billed_once_when_two_alarms_use_them() -> None:
    alarm = one("AWS::CloudWatch::Alarm", Namespace="Dailies/prod", MetricName="OldestJob")

    assert cost(alarm, alarm)["custom metric"] == (1, Decimal("0.30"))


@pytest.mark.parametrize(
    ("expression", "usd"),
    [("rate(1 minute)", "0.33"), ("rate(5 minutes)", "0.07"), ("rate(1 hour)", "0.01"),
     ("cron(* * * * ? *)", "0.33")],
)  # fmt: skip
def test_schedule_costs_what_it_runs_when_idle(expression: str, usd: str) -> None:
    schedule = one("AWS::Scheduler::Schedule", ScheduleExpression=expression)

    assert cost(schedule) == {"schedule": (1, Decimal(usd))}


def test_queues_are_billed_for_polling_when_a_function_listens() -> None:
    queue = one("AWS::Lambda::EventSourceMapping", EventSourceArn="arn:queue")
    stream = one("AWS::Lambda::EventSourceMapping", StartingPosition="LATEST")

    assert cost(queue, stream) == {"polled queue": (1, Decimal("0.26"))}


def test_secrets_keys_and_dashboards_are_billed_when_they_exist() -> None:
    found = cost(
        one("AWS::SecretsManager::Secret"), one("AWS::KMS::Key"), one("AWS::CloudWatch::Dashboard"),
        one("AWS::CloudWatch::CompositeAlarm"), one("AWS::SQS::Queue"),
    )  # fmt: skip

    assert {name: usd for name, (_, usd) in found.items()} == {
        "dashboard": Decimal("3.00"),
        "KMS key": Decimal("1.00"),
        "composite alarm": Decimal("0.50"),
        "secret": Decimal("0.40"),
    }


def test_type_is_named_when_its_price_is_unknown() -> None:
    warehouse = template(A=one("AWS::Redshift::Cluster"), B=one("AWS::SQS::Queue"))

    assert unknown_types([warehouse]) == ["AWS::Redshift::Cluster"]


def test_stages_are_those_of_the_infrastructure_when_they_are_offered() -> None:
    assert set(STAGE_NAMES) == {"local", "dev", "staging", "prod"}
