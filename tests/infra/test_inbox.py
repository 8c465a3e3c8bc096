"""The drop folder: what triggers it, and why it can never trigger itself."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest

from dailies.domain.arrivals import HOLD, SIDECAR_WAIT
from dailies.domain.events import TERMINAL, EventType
from dailies.domain.inbox import INBOX, OUTBOX, QUARANTINE
from infra import media_bucket
from infra.event_bus import SOURCE
from tests.infra.conftest import Stage, Template, short, statements

_WRITES = ("s3:Put", "s3:Delete", "s3:Abort", "s3:Restore", "s3:Create", "s3:Replicate", "s3:*")
_OURS = (OUTBOX, QUARANTINE, "uploads/", "outputs/", "posters/")


def rule(template: Template, name: str) -> dict[str, Any]:
    """Return the properties of a rule by the beginning of its logical id."""
    (found,) = (
        resource["Properties"]
        for logical_id, resource in template.of_type("AWS::Events::Rule").items()
        if logical_id.startswith(name)
    )
    return found


def test_prefixes_are_those_of_the_runtime_when_grants_name_them() -> None:
    assert (media_bucket.INBOX, media_bucket.OUTBOX, media_bucket.QUARANTINE) == (
        f"{INBOX}*",
        f"{OUTBOX}*",
        f"{QUARANTINE}*",
    )


def test_only_the_inbox_triggers_when_something_is_created(stage: Stage) -> None:
    created = rule(stage.pipeline, "InboxCreated")
    pattern = created["EventPattern"]

    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert pattern["detail"]["object"] == {"key": [{"prefix": INBOX}]}
    (bucket,) = pattern["detail"]["bucket"]["name"]
    assert short(bucket) == "MediaBucket"
    assert not any(prefix.startswith(INBOX) for prefix in _OURS)
    (target,) = created["Targets"]
    assert short(target["Arn"]) == "InboxArrivalsQueue"
    assert short(target["DeadLetterConfig"]["Arn"]) == "InboxArrivalsDeadLetters"
    assert created.get("EventBusName") is None  # the account's own, where S3 speaks


def test_no_role_of_ours_writes_into_the_inbox_when_all_are_read(stage: Stage) -> None:
    for template in (stage.data, stage.pipeline):
        for role in template.properties("AWS::IAM::Role"):
            for action, resource in statements(role):
                if not action.startswith(_WRITES):
                    continue
                _, _, prefix = resource.partition("/")
                assert prefix, (action, resource)
                assert not fnmatch.fnmatchcase(f"{INBOX}acme/x.png", prefix), (action, resource)


def test_quarantine_is_read_by_nobody_when_all_roles_are_read(stage: Stage) -> None:
    readers = {
        resource
        for role in stage.pipeline.properties("AWS::IAM::Role")
        for action, resource in statements(role)
        if action.startswith("s3:Get")
        and fnmatch.fnmatchcase(f"{QUARANTINE}acme/x.png", resource.partition("/")[2])
    }

    assert readers == set()


def test_inbox_is_read_by_those_alone_who_take_it_in(stage: Stage) -> None:
    readers = {
        module
        for module, function in stage.pipeline.functions().items()
        for action, resource in statements(
            stage.pipeline.body["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
        )
        if action.startswith("s3:Get") and resource.endswith(media_bucket.INBOX)
    }

    assert readers == {"ingest_upload", "sweep_inbox"}


def test_every_end_is_queued_when_a_job_ends(stage: Stage) -> None:
    ends = rule(stage.pipeline, "InboxEnds")

    assert ends["EventPattern"]["source"] == [SOURCE]
    told = set(ends["EventPattern"]["detail"]["type"])
    assert told == {one.value for one in TERMINAL | {EventType.JOB_LATE_ASSET}}
    (target,) = ends["Targets"]
    assert short(target["Arn"]) == "InboxEndsQueue"
    assert short(target["DeadLetterConfig"]["Arn"]) == "InboxEndsDeadLetters"


@pytest.mark.parametrize(
    ("queue", "consumer", "at_a_time"),
    [
        ("InboxArrivalsQueue", "InboxIngestUploadLive", 10),
        ("InboxEndsQueue", "InboxDeliverOutboxLive", None),
    ],
)
def test_failures_of_a_batch_come_again_alone_when_it_is_fed(
    stage: Stage, queue: str, consumer: str, at_a_time: int | None
) -> None:
    (mapping,) = (
        one
        for one in stage.pipeline.properties("AWS::Lambda::EventSourceMapping")
        if short(one["EventSourceArn"]) == queue
    )

    assert short(mapping["FunctionName"]).removesuffix(":live") == consumer
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    limit = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    assert limit == at_a_time


def test_folder_is_swept_every_minute_when_events_may_be_lost(stage: Stage) -> None:
    schedules = {
        short(one["Target"]["Arn"]).removesuffix(":live"): one
        for one in stage.pipeline.properties("AWS::Scheduler::Schedule")
    }
    sweep = schedules["InboxSweepInboxLive"]

    assert sweep["ScheduleExpression"] == "rate(1 minute)"
    assert short(sweep["Target"]["DeadLetterConfig"]["Arn"]) == "InboxDeadLetters"


def test_objects_have_versions_and_leave_in_time_when_deployed(stage: Stage) -> None:
    bucket = stage.data.the_one("AWS::S3::Bucket")
    rules = {one["Id"]: one for one in bucket["LifecycleConfiguration"]["Rules"]}

    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert (rules["inbox"]["Prefix"], rules["inbox"]["ExpirationInDays"]) == (INBOX, 30)
    assert (rules["quarantine"]["Prefix"], rules["quarantine"]["ExpirationInDays"]) == (
        QUARANTINE,
        14,
    )
    assert rules["replaced-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}


def test_spending_is_capped_when_nobody_chose_a_cap(stage: Stage) -> None:
    functions = stage.pipeline.functions()

    for module in ("ingest_upload", "sweep_inbox"):
        assert functions[module]["Environment"]["Variables"]["INBOX_DAILY_CAP_USD"] == "10"


def test_waiting_fits_into_a_message_when_it_is_held_back() -> None:
    assert SIDECAR_WAIT < HOLD
    assert HOLD.total_seconds() <= 900  # what SQS can hold a message back
