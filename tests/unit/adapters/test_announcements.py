"""The bus, the topic and email."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from dailies.adapters.eventbridge_bus import EventBridgeBus
from dailies.adapters.ses_email import SesEmail
from dailies.adapters.sns_topic import SnsTopic
from dailies.domain.errors import ConfigurationError, StorageError
from dailies.domain.ports import InlineImage
from tests.unit.adapters.conftest import client
from tests.unit.adapters.samples import NOW, a_creation, a_job

TOPIC = "arn:aws:sns:eu-west-1:123456789012:Announcements"

# ---------------------------------------------------------------- the bus


def test_bus_gets_the_event_under_its_type_when_put() -> None:
    event = a_creation(a_job()).event
    events = client("events")
    expected = {
        "Entries": [
            {
                "EventBusName": "dailies-bus",
                "Source": "dailies",
                "DetailType": "job.queued",
                "Time": NOW,
                "Detail": '{"job_id":"job_1"}',
            }
        ]
    }
    with Stubber(events) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{}]}, expected)
        EventBridgeBus(events, "dailies-bus").put(event, {"job_id": "job_1"})


def test_bus_is_worth_a_retry_when_it_did_not_take_the_entry() -> None:
    events = client("events")
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "no"}
    with Stubber(events) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [failed]})
        with pytest.raises(StorageError, match="InternalFailure"):
            EventBridgeBus(events, "dailies-bus").put(a_creation(a_job()).event, {})


def test_bus_is_worth_a_retry_when_it_throttles() -> None:
    events = client("events")
    with Stubber(events) as stub:
        stub.add_client_error("put_events", "ThrottlingException")
        with pytest.raises(StorageError):
            EventBridgeBus(events, "dailies-bus").put(a_creation(a_job()).event, {})


# ---------------------------------------------------------------- the topic


def publish(subject: str, attributes: dict[str, str], expected: dict[str, Any]) -> None:
    sns = client("sns")
    with Stubber(sns) as stub:
        stub.add_response(
            "publish",
            {"MessageId": "1"},
            {"TopicArn": TOPIC, "Message": "message", "MessageAttributes": {}} | expected,
        )
        SnsTopic(sns, TOPIC).publish(subject, "message", attributes)


def test_topic_gets_message_and_attributes_when_published() -> None:
    attribute = {"DataType": "String", "StringValue": "job.failed"}
    expected = {"Subject": "A job failed", "MessageAttributes": {"type": attribute}}
    publish("A job failed", {"type": "job.failed", "empty": ""}, expected)


@pytest.mark.parametrize(
    ("subject", "sent"),
    [("A\nb 黎明", "A?b ??"), ("x" * 120, "x" * 100), ("  ", "Dailies"), (" a", "a")],
)
def test_topic_gets_a_subject_that_sns_takes_when_ours_is_another(subject: str, sent: str) -> None:
    publish(subject, {}, {"Subject": sent})


def test_topic_is_worth_a_retry_when_it_throttles() -> None:
    sns = client("sns")
    with Stubber(sns) as stub:
        stub.add_client_error("publish", "Throttled", http_status_code=429)
        with pytest.raises(StorageError):
            SnsTopic(sns, TOPIC).publish("s", "m", {})


# ---------------------------------------------------------------- email


def send(email: SesEmail, **more: Any) -> None:
    email.send(["a@example.com"], "Grüße", html="<p>h</p>", text="t", message_id="evt_1", **more)


def test_email_is_sent_in_html_and_text_when_asked(aws: Callable[[str], Any]) -> None:
    ses = aws("sesv2")
    ses.create_email_identity(EmailIdentity="dailies@example.com")
    sent: list[dict[str, Any]] = []
    ses.meta.events.register(
        "before-parameter-build.sesv2.SendEmail", lambda params, **_: sent.append(params)
    )
    send(SesEmail(ses, "dailies@example.com"))
    (request,) = sent
    assert request["FromEmailAddress"] == "dailies@example.com"
    assert request["Destination"] == {"ToAddresses": ["a@example.com"]}
    message = request["Content"]["Simple"]
    assert message["Subject"]["Data"] == "Grüße"
    assert (message["Body"]["Html"]["Data"], message["Body"]["Text"]["Data"]) == ("<p>h</p>", "t")
    assert message["Headers"] == [{"Name": "X-Dailies-Event-Id", "Value": "evt_1"}]
    assert not {"Attachments", "ConfigurationSetName"} & (set(message) | set(request))


def test_email_carries_its_pictures_when_it_has_some() -> None:
    ses = client("sesv2")
    bodies: list[dict[str, Any]] = []

    def answer(request: Any, **_: Any) -> Any:
        bodies.append(json.loads(request.body))
        raise RuntimeError("nothing is sent")

    ses.meta.events.register("before-send.sesv2.SendEmail", answer)
    picture = InlineImage("poster", "poster.jpg", "image/jpeg", b"\xff\xd8")
    with pytest.raises(RuntimeError):
        send(SesEmail(ses, "d@example.com", configuration_set="set-1"), images=[picture])
    (body,) = bodies
    assert body["ConfigurationSetName"] == "set-1"
    (attachment,) = body["Content"]["Simple"]["Attachments"]
    assert attachment["ContentDisposition"] == "INLINE"
    assert attachment["ContentId"] == "poster"
    assert attachment["RawContent"] == "/9g="


@pytest.mark.parametrize(
    ("code", "expected"),
    [("TooManyRequestsException", StorageError), ("MessageRejected", ConfigurationError)],
)
def test_email_says_whether_a_retry_helps_when_ses_refuses(
    code: str, expected: type[Exception]
) -> None:
    ses = client("sesv2")
    with Stubber(ses) as stub:
        stub.add_client_error("send_email", code)
        with pytest.raises(expected):
            send(SesEmail(ses, "d@example.com"))
