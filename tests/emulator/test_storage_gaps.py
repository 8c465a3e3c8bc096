"""S3's events on the event bus."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.emulator.cloud import Cloud

BUCKET = "versions-bucket"


def created(cloud: Cloud) -> tuple[str, dict[str, Any]]:
    """Store an object, and return its version and what the event on the bus says of it."""
    s3, sqs, events = (cloud.emulator.client(name) for name in ("s3", "sqs", "events"))
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url = sqs.create_queue(QueueName="versions")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name="versions", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="versions", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    version_id = s3.put_object(Bucket=BUCKET, Key="a b+c%20é.txt", Body=b"x")["VersionId"]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            return version_id, json.loads(message["Body"])["detail"]["object"]
    raise AssertionError("no event came")


def test_event_names_the_version_and_the_key_as_it_is_when_an_object_is_stored(
    cloud: Cloud,
) -> None:
    version_id, told = created(cloud)

    assert (told["key"], told["version-id"]) == ("a b+c%20é.txt", version_id)


def test_upstream_still_leaves_the_version_out(uncorrected: Cloud) -> None:
    assert "version-id" not in created(uncorrected)[1]
