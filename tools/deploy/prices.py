"""What a stage costs while nobody uses it, computed from its templates.

List prices of us-east-1, in US dollars, free tiers left out, as published in November 2026:

- aws.amazon.com/cloudwatch/pricing: alarm metric, composite alarm, dashboard, custom metric, logs
- aws.amazon.com/vpc/pricing: NAT gateway and interface endpoint (one zone), by the hour; gateway
  endpoints cost nothing, and neither does Batch, nor what it has scaled to zero
- aws.amazon.com/secrets-manager/pricing, aws.amazon.com/kms/pricing
- aws.amazon.com/lambda/pricing, aws.amazon.com/eventbridge/pricing, aws.amazon.com/xray/pricing
- aws.amazon.com/sqs/pricing: Lambda asks an empty queue with five long polls of 20 s
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Template = Mapping[str, Any]

_MINUTES_A_MONTH = Decimal(43_800)
_USD = {
    "alarm metric": Decimal("0.10"),
    "composite alarm": Decimal("0.50"),
    "dashboard": Decimal("3.00"),
    "custom metric": Decimal("0.30"),
    "secret": Decimal("0.40"),
    "KMS key": Decimal("1.00"),
    "interface endpoint": Decimal("7.30"),
    "NAT gateway": Decimal("32.85"),
}
_POLLED_QUEUE_USD = 15 * _MINUTES_A_MONTH * Decimal("0.0000004")
_SCHEDULED_RUN_USD = (
    Decimal("0.000001")  # Scheduler, per invocation
    + Decimal("0.0000002")  # Lambda, per request
    + Decimal("0.25") * Decimal("0.2") * Decimal("0.0000133334")  # 256 MB on Arm for 0.2 s
    + Decimal("0.000005")  # X-Ray, per trace
    + Decimal("0.0000006")  # 1.2 KB of log
)
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}

NOTHING_WHEN_IDLE = frozenset(
    {
        "AWS::Batch::ComputeEnvironment", "AWS::Batch::JobDefinition", "AWS::Batch::JobQueue",
        "AWS::EC2::InternetGateway", "AWS::EC2::LaunchTemplate", "AWS::EC2::Route",
        "AWS::EC2::RouteTable", "AWS::EC2::SecurityGroup", "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPC", "AWS::EC2::VPCGatewayAttachment",
        "AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy",
        "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage",
        "AWS::CDK::Metadata", "AWS::DynamoDB::GlobalTable", "AWS::Events::EventBus",
        "AWS::Events::EventBusPolicy", "AWS::Events::Rule", "AWS::IAM::Policy", "AWS::IAM::Role",
        "AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission", "AWS::Lambda::Version", "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition", "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy", "AWS::SES::EmailIdentity", "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::SecretTargetAttachment", "AWS::StepFunctions::StateMachine",
        "AWS::StepFunctions::StateMachineAlias", "AWS::StepFunctions::StateMachineVersion",
    }
)  # fmt: skip
"""Types that are billed by use or by what they hold only."""

_ONE_LINE = {
    "AWS::CloudWatch::CompositeAlarm": "composite alarm",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::EC2::NatGateway": "NAT gateway",
    "AWS::KMS::Key": "KMS key",
    "AWS::SecretsManager::Secret": "secret",
}
_PRICED = frozenset(_ONE_LINE) | frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::EC2::VPCEndpoint",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Scheduler::Schedule",
    }
)


@dataclass(frozen=True)
class Item:
    """One line of the bill."""

    what: str
    count: int
    usd: Decimal
    """A month, for all of them."""


def idle_cost(templates: Iterable[Template]) -> list[Item]:
    """Return what is billed in a month in which nothing happens, dearest first."""
    counts: dict[str, int] = defaultdict(int)
    schedules = Decimal(0)
    custom: set[str] = set()
    for kind, properties in _resources(templates):
        match kind:
            case "AWS::CloudWatch::Alarm":
                metrics = _metrics(properties)
                counts["alarm metric"] += len(metrics)
                custom |= {m for m in metrics if m.startswith("Dailies")}
            case "AWS::EC2::VPCEndpoint" if properties.get("VpcEndpointType") != "Gateway":
                counts["interface endpoint"] += 1
            case "AWS::Lambda::EventSourceMapping" if not _reads_stream(properties):
                counts["polled queue"] += 1
            case "AWS::Scheduler::Schedule":
                counts["schedule"] += 1
                schedules += _runs_a_month(properties) * _SCHEDULED_RUN_USD
            case _ if kind in _ONE_LINE:
                counts[_ONE_LINE[kind]] += 1
            case _:
                continue
    counts["custom metric"] = len(custom)
    usd = {name: _USD[name] * count for name, count in counts.items() if name in _USD}
    usd["polled queue"] = _POLLED_QUEUE_USD * counts["polled queue"]
    usd["schedule"] = schedules
    items = [Item(name, counts[name], amount) for name, amount in usd.items() if counts[name]]
    return sorted(items, key=lambda item: -item.usd)


def unknown_types(templates: Iterable[Template]) -> list[str]:
    """Return types of resources whose idle cost is not known here."""
    kinds = {kind for kind, _ in _resources(templates)}
    return sorted(kinds - NOTHING_WHEN_IDLE - _PRICED)


def _resources(templates: Iterable[Template]) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (resource["Type"], resource.get("Properties", {}))
        for template in templates
        for resource in template["Resources"].values()
    ]


def _metrics(alarm: Mapping[str, Any]) -> list[str]:
    """Name the metrics that an alarm is billed for; expressions over them are free."""
    stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    named = stats or [alarm]
    return [
        f"{one.get('Namespace', '?')}/{one.get('MetricName')}/{one.get('Dimensions')}"
        for one in named
    ]


def _reads_stream(mapping: Mapping[str, Any]) -> bool:
    """Whether the source is a stream: Lambda reads those of DynamoDB without charge."""
    return "StartingPosition" in mapping


def _runs_a_month(schedule: Mapping[str, Any]) -> Decimal:
    found = _RATE.fullmatch(str(schedule["ScheduleExpression"]))
    minutes = int(found[1]) * _MINUTES[found[2]] if found else 1  # a cron: assume the worst
    return _MINUTES_A_MONTH / minutes
