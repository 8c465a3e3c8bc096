"""The way of an event: stream, bus, one queue per sink, and where it stays if all fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dailies.adapters.eventbridge_bus import SOURCE as RUNTIME_SOURCE
from dailies.domain.deliveries import Sink
from infra.event_bus import SOURCE
from tests.infra.conftest import Stage, short


def rules(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the rules' properties by the beginning of their logical ids."""
    found = stage.pipeline.of_type("AWS::Events::Rule").items()
    return {short({"Ref": name}): rule["Properties"] for name, rule in found}


def test_source_is_that_of_the_runtime_when_rules_match_it() -> None:
    assert SOURCE == RUNTIME_SOURCE


@pytest.mark.parametrize(
    ("sink", "queue", "consumer"),
    [
        (Sink.WEBHOOK, "NotificationsWebhookQueue", "NotificationsStartWebhookLive"),
        (Sink.EMAIL, "NotificationsEmailQueue", "NotificationsSendEmailLive"),
        (Sink.SNS, "NotificationsSnsQueue", "NotificationsAnnounceLive"),
    ],
)
def test_each_sink_has_its_queue_when_an_event_names_it(
    stage: Stage, sink: Sink, queue: str, consumer: str
) -> None:
    rule = rules(stage)[f"{queue}Rule"]
    mappings = {
        short(mapping["EventSourceArn"]): mapping
        for mapping in stage.pipeline.properties("AWS::Lambda::EventSourceMapping")
    }

    assert rule["EventPattern"] == {"source": [SOURCE], "detail": {"sinks": [sink.value]}}
    (target,) = rule["Targets"]
    assert short(target["Arn"]) == queue
    assert short(target["DeadLetterConfig"]["Arn"]) == f"{queue}DeadLetters"
    assert short(mappings[queue]["FunctionName"]).removesuffix(":live") == consumer
    assert mappings[queue]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_queue_has_dead_letters_when_it_is_not_one_itself(stage: Stage) -> None:
    queues = {short({"Ref": n}): q for n, q in stage.pipeline.of_type("AWS::SQS::Queue").items()}
    dead = {name for name in queues if name.endswith("DeadLetters")}

    for name in queues.keys() - dead:
        redrive = queues[name]["Properties"]["RedrivePolicy"]
        beside = {f"{name}DeadLetters", f"{name.removesuffix('Queue')}DeadLetters"}
        assert short(redrive["deadLetterTargetArn"]) in beside
    for name in dead:
        assert queues[name]["Properties"]["MessageRetentionPeriod"] == 14 * 86400
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())


def test_a_message_is_given_out_once_when_its_function_is_slow(prod: Stage) -> None:
    slowest = max(
        prod.pipeline.functions()[module]["Timeout"]
        for module in ("start_webhook", "send_email", "announce")
    )
    visible_s = [
        queue["Properties"]["VisibilityTimeout"]
        for name, queue in prod.pipeline.of_type("AWS::SQS::Queue").items()
        if name.startswith("Notifications") and "VisibilityTimeout" in queue["Properties"]
    ]

    assert len(visible_s) == 3
    assert min(visible_s) >= 6 * slowest


def test_stream_is_read_from_its_start_and_never_blocks_when_an_event_is_bad(
    stage: Stage,
) -> None:
    (stream,) = (
        mapping
        for mapping in stage.pipeline.properties("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in mapping
    )
    (pattern,) = stream["FilterCriteria"]["Filters"]

    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert stream["MaximumRetryAttempts"] == 10
    assert stream["MaximumRecordAgeInSeconds"] == 6 * 3600
    failed = stream["DestinationConfig"]["OnFailure"]["Destination"]
    assert short(failed) == "NotificationsOutboxDeadLetters"
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"outbox": {"N": [{"exists": True}]}}},
    }


def test_undelivered_webhooks_wait_beside_their_queue_when_given_up(prod: Stage) -> None:
    (machine,) = (
        resource["Properties"]
        for name, resource in prod.pipeline.of_type("AWS::StepFunctions::StateMachine").items()
        if name.startswith("NotificationsDelivery")
    )

    queue = machine["DefinitionSubstitutions"]["WebhookDeadLetterQueueUrl"]
    assert short(queue) == "NotificationsWebhookQueueDeadLetters"


def test_plain_http_is_refused_except_when_the_stage_is_local(stage: Stage) -> None:
    refusals = [
        statement
        for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
        for policy in stage.pipeline.properties(kind)
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    guarded = sum(len(stage.pipeline.of_type(f"AWS::{k}")) for k in ("SQS::Queue", "SNS::Topic"))

    assert len(refusals) == (0 if stage.name == "local" else guarded)


def test_sender_is_an_identity_of_the_stage_when_mail_is_sent(stage: Stage) -> None:
    identity = stage.pipeline.the_one("AWS::SES::EmailIdentity")["EmailIdentity"]
    variables = stage.pipeline.functions()["send_email"]["Environment"]["Variables"]

    assert variables["SENDER"] == identity


def test_ended_executions_are_noticed_when_they_did_not_succeed(stage: Stage) -> None:
    rule = rules(stage)["WatchExecutionsRule"]
    detail = rule["EventPattern"]["detail"]
    (target,) = rule["Targets"]

    assert rule["EventPattern"]["source"] == ["aws.states"]
    assert sorted(detail["status"]) == ["ABORTED", "FAILED", "TIMED_OUT"]
    assert [short(arn) for arn in detail["stateMachineArn"]] == ["GenerateMachine"]
    assert short(target["Arn"]) == "WatchExecutionEndedLive"
    assert short(target["DeadLetterConfig"]["Arn"]) == "WatchDeadLetters"


def test_sweeper_runs_every_minute_when_deployed(stage: Stage) -> None:
    schedules = stage.pipeline.properties("AWS::Scheduler::Schedule")
    (schedule,) = [one for one in schedules if short(one["Target"]["Arn"]) == "WatchSweepLive"]

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert short(schedule["Target"]["DeadLetterConfig"]["Arn"]) == "WatchDeadLetters"
