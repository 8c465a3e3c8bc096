"""What operators are told, and that they can find out what to do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dailies.domain.events import EventType
from dailies.observability import METRICS
from infra.stage import AlarmLevel, stage_config
from tests.infra.conftest import ROOT, Stage, short

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
TOPICS = {level.value: f"OperatorsTopics{level.value.title()}" for level in AlarmLevel}


def alarms(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the alarms' properties by name, without what stands before it."""
    prefix = f"dailies-{stage.name}-"
    found = {a["AlarmName"]: a for a in stage.pipeline.properties(ALARM)}
    assert all(name.startswith(prefix) for name in found)
    return {name.removeprefix(prefix): alarm for name, alarm in found.items()}


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every metric that an alarm looks at, alone or in an expression."""
    if "MetricName" in alarm:
        return [alarm]
    stats = [entry["MetricStat"] for entry in alarm["Metrics"] if "MetricStat" in entry]
    return [stat["Metric"] | {"Period": stat["Period"]} for stat in stats]


def watched(stage: Stage, metric: str, dimension: str) -> set[str]:
    """Return the values of a dimension for which there is an alarm on a metric."""
    return {
        short(entry["Value"])
        for alarm in alarms(stage).values()
        for one in metrics_of(alarm)
        if one["MetricName"] == metric
        for entry in one.get("Dimensions", [])
        if entry["Name"] == dimension
    }


def runbook_sections() -> set[str]:
    """Return the runbook's headings, as links name them."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}


def test_every_queue_is_kept_from_silence_when_deployed(stage: Stage) -> None:
    queues = {short({"Ref": name}) for name in stage.pipeline.of_type("AWS::SQS::Queue")}
    dead = {name for name in queues if name.endswith("DeadLetters")}
    age = watched(stage, "ApproximateAgeOfOldestMessage", "QueueName")

    assert dead
    assert watched(stage, "ApproximateNumberOfMessagesVisible", "QueueName") == dead
    assert age == queues


def test_one_dead_letter_is_enough_when_it_lies_there(stage: Stage) -> None:
    for name, alarm in alarms(stage).items():
        if name.endswith("dead-letters-depth"):
            assert (alarm["Threshold"], alarm["Statistic"]) == (1, "Maximum")
            assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_every_queue_says_how_it_is_encrypted_when_deployed(stage: Stage) -> None:
    for queue in stage.pipeline.properties("AWS::SQS::Queue"):
        assert queue["SqsManagedSseEnabled"] is True


def test_every_function_has_an_error_alarm_when_deployed(stage: Stage) -> None:
    functions = {short({"Ref": name}) for name in stage.pipeline.of_type("AWS::Lambda::Function")}

    assert watched(stage, "Errors", "FunctionName") == functions


def test_every_function_but_store_has_a_duration_alarm_below_its_timeout(prod: Stage) -> None:
    resources = prod.pipeline.of_type("AWS::Lambda::Function")
    functions = {short({"Ref": name}): f["Properties"] for name, f in resources.items()}
    found = {
        short(alarm["Dimensions"][0]["Value"]): alarm
        for alarm in alarms(prod).values()
        if alarm.get("MetricName") == "Duration"
    }

    assert functions.keys() - found.keys() == {"StepsStoreFunction"}
    for name, alarm in found.items():
        assert alarm["ExtendedStatistic"] == "p99"
        assert alarm["Threshold"] == 800 * functions[name]["Timeout"]


def test_polls_are_watched_for_room_where_it_is_reserved(prod: Stage, local: Stage) -> None:
    reserved = prod.pipeline.functions()["poll"]["ReservedConcurrentExecutions"]

    assert alarms(prod)["poll-concurrency"]["Threshold"] == 0.8 * reserved
    assert "poll-concurrency" not in alarms(local)


def test_every_workflow_is_watched_when_deployed(stage: Stage) -> None:
    machines = stage.pipeline.of_type("AWS::StepFunctions::StateMachine")
    names = {short({"Ref": name}) for name in machines}

    for metric in ("ExecutionsTimedOut", "ExecutionsAborted", "ExecutionThrottled"):
        assert watched(stage, metric, "StateMachineArn") == names
    if stage.name != "local":
        assert watched(stage, "ExecutionsFailed", "StateMachineArn") == names


@pytest.mark.parametrize(
    "kind", ["locked-out", "error-rate", "throttles", "unknown-attempts", "detection-delay"]
)
def test_every_vendor_of_the_stage_is_watched_when_deployed(prod: Stage, kind: str) -> None:
    for vendor in stage_config("prod").providers:
        assert f"{vendor}-{kind}" in alarms(prod)


def test_an_attempt_in_doubt_is_told_after_a_quarter_of_an_hour(prod: Stage) -> None:
    alarm = alarms(prod)["kling-unknown-attempts"]

    assert (alarm["MetricName"], alarm["Statistic"]) == ("UnknownSeconds", "Maximum")
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (15 * 60, 1)


def test_spend_is_compared_with_the_stages_budget_over_a_day(prod: Stage) -> None:
    budget = stage_config("prod").daily_budget_usd
    alarm = alarms(prod)["spend-over-budget"]

    assert alarm["Threshold"] == budget
    assert alarms(prod)["spend-near-budget"]["Threshold"] == 0.8 * budget
    assert {m["MetricName"] for m in metrics_of(alarm)} == {"CostUsd"}
    assert {m["Period"] for m in metrics_of(alarm)} == {86_400}
    assert watched(prod, "CostUsd", "vendor") == set(stage_config("prod").providers)


def test_a_silent_sweeper_is_told_when_there_is_no_data_at_all(prod: Stage) -> None:
    alarm = alarms(prod)["sweeper-silent"]
    silent = [name for name, a in alarms(prod).items() if a["TreatMissingData"] == "breaching"]

    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert set(silent) == {"sweeper-silent", "inbox-sweeper-silent"}


def test_every_schedule_is_missed_when_it_falls_silent(stage: Stage) -> None:
    scheduled = {
        short(schedule["Target"]["Arn"]).partition("Alias")[0].removesuffix("Live")
        for schedule in stage.pipeline.properties("AWS::Scheduler::Schedule")
    }
    missed = watched(stage, "Invocations", "FunctionName")

    assert len(missed) == len(scheduled) == 2
    assert all(any(one.startswith(name) for one in missed) for name in scheduled)


@pytest.mark.parametrize(
    ("name", "threshold"), [("mail-bounces", 0.05), ("mail-complaints", 0.001)]
)
def test_mail_is_stopped_by_us_before_aws_does(prod: Stage, name: str, threshold: float) -> None:
    assert alarms(prod)[name]["Threshold"] == threshold


def test_every_alarm_reaches_the_topic_of_its_level_when_raised(stage: Stage) -> None:
    for name, alarm in alarms(stage).items():
        level = re.match(r"\[(\w+)\]", alarm["AlarmDescription"])
        assert level, name
        assert [short(action) for action in alarm["AlarmActions"]] == [TOPICS[level[1]]], name


def test_an_alarm_that_wakes_somebody_also_says_when_it_is_over(prod: Stage) -> None:
    for name, alarm in alarms(prod).items():
        over = [short(action) for action in alarm.get("OKActions", [])]
        silent = alarm["AlarmDescription"].startswith("[info]")
        assert over == ([] if silent else [short(a) for a in alarm["AlarmActions"]]), name


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("sweeper-silent", "critical"),
        ("inbox-sweeper-silent", "warning"),
        ("inbox-stuck-arrivals", "warning"),
        ("oldest-due-job", "critical"),
        ("api-5xx", "critical"),
        ("authorize-errors", "critical"),
        ("kling-locked-out", "critical"),
        ("spend-over-budget", "critical"),
        ("kling-unknown-attempts", "warning"),
        ("watch-dead-letters-depth", "warning"),
        ("watch-dead-letters-age", "critical"),
        ("models-retiring", "info"),
        ("spend-near-budget", "info"),
        ("deliver-webhook-errors", "info"),
    ],
)
def test_level_is_as_agreed_when_an_alarm_is_raised(prod: Stage, name: str, level: str) -> None:
    assert alarms(prod)[name]["AlarmDescription"].startswith(f"[{level}] ")


def test_every_description_names_a_section_that_exists_when_read_at_night(stage: Stage) -> None:
    sections = runbook_sections()
    told = [*stage.pipeline.properties(ALARM), *stage.pipeline.properties(COMPOSITE)]

    for alarm in told:
        text = alarm["AlarmDescription"]
        link = re.search(r"See docs/operating\.md#([a-z0-9-]+)$", text)
        assert link, text
        assert link[1] in sections, text
        assert len(text) > 100, text


def test_own_metrics_are_those_that_the_code_writes_when_watched(prod: Stage) -> None:
    own = {
        metric["MetricName"]
        for alarm in alarms(prod).values()
        for metric in metrics_of(alarm)
        if metric["Namespace"] == "Dailies/prod"
    }

    assert len(own) > 10
    assert own <= METRICS.keys()


def test_functions_write_where_alarms_look_when_counting(stage: Stage) -> None:
    for module, function in stage.pipeline.functions().items():
        variables = function["Environment"]["Variables"]
        if "POWERTOOLS_METRICS_NAMESPACE" in variables:
            assert variables["POWERTOOLS_METRICS_NAMESPACE"] == f"Dailies/{stage.name}", module


def test_a_release_is_judged_by_alarms_that_it_can_raise(prod: Stage) -> None:
    release = prod.pipeline.the_one(COMPOSITE)
    rule = json.dumps(release["AlarmRule"])

    assert release["AlarmName"] == "dailies-prod-release"
    for part in ("Api5Xx", "AuthorizeErrors", "GenerateFailed", "SubmitErrors"):
        assert part in rule
    assert "DeliverWebhookErrors" not in rule
    assert "SpendOverBudget" not in rule


def test_the_emulator_gets_no_expressions_when_deployed_to_a_laptop(local: Stage) -> None:
    assert alarms(local)
    assert not [name for name, alarm in alarms(local).items() if "Metrics" in alarm]
    assert not local.pipeline.of_type(COMPOSITE)


def test_a_parked_job_is_told_at_once_when_it_needs_a_person(stage: Stage) -> None:
    (rule,) = (
        resource["Properties"]
        for name, resource in stage.pipeline.of_type("AWS::Events::Rule").items()
        if name.startswith("OperatorsParked")
    )

    assert rule["EventPattern"]["detail-type"] == [EventType.JOB_PARKED.value]
    assert [short(target["Arn"]) for target in rule["Targets"]] == [TOPICS["warning"]]


def test_people_are_subscribed_by_level_when_the_stage_names_them(
    prod: Stage, local: Stage
) -> None:
    mails = {
        short(subscription["TopicArn"]): subscription["Endpoint"]
        for subscription in prod.pipeline.properties("AWS::SNS::Subscription")
        if subscription["Protocol"] == "email"
    }

    assert mails == {
        TOPICS["warning"]: "dailies-alarms@example.com",
        TOPICS["critical"]: "dailies-on-call@example.com",
    }
    assert not local.pipeline.of_type("AWS::SNS::Subscription")


def test_every_level_reaches_the_chat_where_the_stage_has_one(prod: Stage, local: Stage) -> None:
    chats = [
        subscription
        for subscription in prod.pipeline.properties("AWS::SNS::Subscription")
        if subscription["Protocol"] == "lambda"
    ]

    assert {short(chat["TopicArn"]) for chat in chats} == set(TOPICS.values())
    for chat in chats:
        assert short(chat["Endpoint"]).startswith("OperatorsAlertChatLive")
        assert "OperatorsDeadLetters" in short(chat["RedrivePolicy"]["deadLetterTargetArn"])
    assert "alert_chat" not in local.pipeline.functions()


def test_alarms_and_rules_may_publish_when_a_topic_has_a_policy(prod: Stage) -> None:
    principals = {
        (short({"Ref": name}).removesuffix("Policy"), statement["Principal"]["Service"])
        for name, policy in prod.pipeline.of_type("AWS::SNS::TopicPolicy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "Service" in statement["Principal"] and name.startswith("OperatorsTopics")
    }

    cloudwatch = {(topic, "cloudwatch.amazonaws.com") for topic in TOPICS.values()}
    assert principals == cloudwatch | {(TOPICS["warning"], "events.amazonaws.com")}
