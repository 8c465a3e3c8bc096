"""What an operator is told."""

from __future__ import annotations

from dailies.domain.events import EventType
from tests.infra.conftest import Stage, short


def test_every_dead_letter_queue_has_an_alarm_when_deployed(stage: Stage) -> None:
    queues = {short({"Ref": name}) for name in stage.pipeline.of_type("AWS::SQS::Queue")}
    alarms = stage.pipeline.properties("AWS::CloudWatch::Alarm")
    watched = {short(alarm["Dimensions"][0]["Value"]) for alarm in alarms}

    assert watched == {name for name in queues if name.endswith("DeadLetters")}
    for alarm in alarms:
        assert (alarm["Threshold"], alarm["Statistic"]) == (1, "Maximum")
        assert [short(action) for action in alarm["AlarmActions"]] == ["OperatorsTopic"]


def test_a_parked_job_is_told_at_once_when_it_needs_a_person(stage: Stage) -> None:
    (rule,) = (
        resource["Properties"]
        for name, resource in stage.pipeline.of_type("AWS::Events::Rule").items()
        if name.startswith("OperatorsParked")
    )

    assert rule["EventPattern"]["detail-type"] == [EventType.JOB_PARKED.value]
    assert [short(target["Arn"]) for target in rule["Targets"]] == ["OperatorsTopic"]


def test_a_person_is_subscribed_when_the_stage_names_one(prod: Stage, local: Stage) -> None:
    subscription = prod.pipeline.the_one("AWS::SNS::Subscription")

    assert subscription["Protocol"] == "email"
    assert subscription["Endpoint"] == "dailies-alarms@example.com"
    assert not local.pipeline.of_type("AWS::SNS::Subscription")


def test_alarms_and_rules_may_publish_when_the_topic_has_a_policy(prod: Stage) -> None:
    principals = {
        statement["Principal"]["Service"]
        for name, policy in prod.pipeline.of_type("AWS::SNS::TopicPolicy").items()
        if name.startswith("OperatorsTopic")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "Service" in statement["Principal"]
    }

    assert principals == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
