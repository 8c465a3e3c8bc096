"""Whoever asked is told: webhooks, emails, the topic, the bus."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from local.twin.twin import Access
from tests.e2e.crew import KLING, Crew, body_of, until

Jobs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def queue_url(crew: Crew) -> str:
    """A queue that hears what the topic says."""
    client = crew.twin.emulator.client
    url = client("sqs").create_queue(QueueName="listener")["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn, topic = attributes["Attributes"]["QueueArn"], crew.twin.outputs["TopicArn"]
    let_topic_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [let_topic_send]})
    client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


@pytest.fixture(scope="module")
def jobs(crew: Crew, queue_url: str) -> Jobs:
    crew.answer_webhooks(
        {"status": 500, "path_contains": "flaky"},
        {"status": 410, "path_contains": "gone"},
    )
    sinks: dict[str, dict[str, Any]] = {
        "all": {
            "webhook": {"url": crew.hook("steady")},
            "email": ["grip@example.org"],
            "sns": True,
            "events": ["job.started"],
        },
        "flaky": {"webhook": {"url": crew.hook("flaky")}},
        "gone": {"webhook": {"url": crew.hook("gone")}},
    }
    return crew.finish(
        {name: crew.start(f"News, {name}", KLING, notify=n) for name, n in sinks.items()}
    )


def test_webhook_tells_of_start_and_end_when_both_were_asked_for(
    crew: Crew, jobs: Jobs, access: Access
) -> None:
    received = until(lambda: crew.received("steady"), lambda found: len(found) >= 2)

    messages = [Webhook(access.webhook_secret).verify(body_of(r), r["headers"]) for r in received]

    assert {one["type"] for one in messages} == {"job.started", "job.succeeded"}
    assert {one["data"]["job_id"] for one in messages} == {jobs["all"]["job_id"]}


def test_message_comes_again_under_the_same_id_when_the_receiver_failed(
    crew: Crew, jobs: Jobs
) -> None:
    received = until(lambda: crew.received("flaky"), lambda found: len(found) >= 2)

    assert [one["answered"] for one in received] == [500, 204]
    assert len({one["headers"]["webhook-id"] for one in received}) == 1
    assert jobs["flaky"]["state"] == "succeeded"


def test_address_gets_nothing_more_when_it_said_that_it_is_gone(crew: Crew, jobs: Jobs) -> None:
    until(lambda: crew.received("gone"), bool)
    notify = {"webhook": {"url": crew.hook("gone")}, "email": ["later@example.org"]}
    later = crew.start("News, later", KLING, notify=notify)
    crew.api.await_end(later)
    # The email goes out beside the webhook: once it is there, so would be the other.
    until(lambda: mails_to(crew, "later@example.org"), bool)

    delivered = until(lambda: deliveries(crew, later), lambda found: "endpoint_disabled" in found)

    assert "endpoint_disabled" in delivered
    assert [one["answered"] for one in crew.received("gone")] == [410]


def test_email_has_a_link_that_works_when_the_video_is_ready(crew: Crew, jobs: Jobs) -> None:
    (mail,) = until(lambda: mails_to(crew, "grip@example.org"), bool)
    (link,) = set(re.findall(r"http://\S+/v1/links/[\w-]+", mail["BodyText"]))
    video = crew.api.download(jobs["all"]["outputs"][0]["asset_id"])

    clicks = [httpx.get(link, trust_env=False) for _ in range(2)]

    for click in clicks:
        assert click.status_code == 302
        assert click.headers["referrer-policy"] == "no-referrer"
        assert httpx.get(click.headers["location"], trust_env=False).content == video
    assert "Your video is ready" in mail["Subject"]


def test_topic_tells_its_subscribers_when_the_job_asked_for_it(
    crew: Crew, jobs: Jobs, queue_url: str
) -> None:
    sqs = crew.twin.emulator.client("sqs")
    bodies: list[str] = []

    def read() -> list[str]:
        got = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
        bodies.extend(one["Body"] for one in got)
        return bodies

    until(read, lambda found: any("job.succeeded" in one for one in found))

    assert any(jobs["all"]["job_id"] in one and "job.succeeded" in one for one in bodies)
    assert all("X-Amz-Signature" not in json.dumps(one) for one in bodies)


def mails_to(crew: Crew, address: str) -> list[dict[str, Any]]:
    """Return the emails that went to an address."""
    return [mail for mail in crew.twin.emails() if address in mail["To"]]


def deliveries(crew: Crew, job_id: str) -> str:
    """Return a job's delivery log."""
    found = crew.twin.emulator.client("dynamodb").query(
        TableName=crew.twin.outputs["TableName"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": f"JOB#{job_id}"}, ":sk": {"S": "OUT#"}},
    )
    return json.dumps(found["Items"])
