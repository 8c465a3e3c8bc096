"""Alarms in a chat: what is posted, where, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dailies.domain.errors import ConfigurationError, DeliveryFailedError
from dailies.handlers import alert_chat as handler
from dailies.handlers.boundary import Transient
from dailies.services.alert_chat import AlertChatPorts, alert_chat
from tests.fakes.notification import MemoryPoster, MemorySecrets
from tests.workflow.wiring import Context

URL = "https://hooks.example.com/services/T0/B0/secret"
ALARM = {
    "AlarmName": "dailies-prod-sweeper-silent",
    "AlarmDescription": "[critical] The sweeper has not run. See docs/operating.md#sweeper",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: no datapoints were received <for 2 periods>",
}


def chat(kind: str | None = None, *, status: int = 200, url: str = URL) -> AlertChatPorts:
    secret = {"url": url} if kind is None else {"url": url, "kind": kind}
    poster = MemoryPoster(lambda: status)
    return AlertChatPorts(poster, MemorySecrets({"alarms/chat": secret}), "alarms/chat")


def posted(ports: AlertChatPorts) -> dict[str, Any]:
    poster: Any = ports.poster
    (post,) = poster.posts
    assert post.url == URL
    body: dict[str, Any] = json.loads(post.body)
    return body


def test_alarm_says_what_it_means_and_where_to_read_on_when_raised() -> None:
    ports = chat()

    alert_chat(json.dumps(ALARM), ports)

    text = posted(ports)["text"]
    assert text.startswith("🔴 dailies-prod-sweeper-silent: ALARM\n[critical] The sweeper")
    assert "docs/operating.md#sweeper" in text
    assert "&lt;for 2 periods&gt;" in text


def test_end_of_an_alarm_is_one_line_when_it_is_over() -> None:
    ports = chat("slack")

    alert_chat(json.dumps(ALARM | {"NewStateValue": "OK"}), ports)

    assert posted(ports) == {"text": "🟢 dailies-prod-sweeper-silent: OK"}


def test_teams_gets_a_card_when_the_secret_says_so() -> None:
    ports = chat("teams")

    alert_chat(json.dumps(ALARM), ports)

    (attachment,) = posted(ports)["attachments"]
    (block,) = attachment["content"]["body"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert "dailies-prod-sweeper-silent" in block["text"]


def test_parked_job_is_told_by_its_id_alone_when_it_needs_a_person() -> None:
    ports = chat()
    detail = {"job_id": "job_1", "state": "expired", "charged": "unknown", "tenant": "acme"}

    alert_chat(json.dumps({"detail-type": "job.parked", "detail": detail}), ports)

    text = posted(ports)["text"]
    assert "Job job_1 needs a person" in text
    assert "docs/operating.md#parked-jobs" in text
    assert "acme" not in text


@pytest.mark.parametrize("message", ["no JSON", "[]", '{"detail": null}', "{}"])
def test_nothing_of_a_message_is_repeated_when_it_is_no_alarm(message: str) -> None:
    ports = chat()

    alert_chat(message, ports)

    assert posted(ports) == {"text": "A message came to an operators' topic that is no alarm."}


def test_nothing_is_posted_when_no_chat_is_set_up() -> None:
    ports = chat(url="")

    alert_chat(json.dumps(ALARM), ports)

    poster: Any = ports.poster
    assert not poster.posts


def test_chat_of_another_kind_is_refused_when_the_secret_names_one() -> None:
    with pytest.raises(ConfigurationError, match="neither slack nor teams"):
        alert_chat(json.dumps(ALARM), chat("irc"))


def test_address_stays_secret_when_the_chat_refuses() -> None:
    with pytest.raises(DeliveryFailedError) as caught:
        alert_chat(json.dumps(ALARM), chat(status=403))

    assert URL not in str(caught.value)


def test_message_comes_again_when_the_chat_refuses() -> None:
    event = {"Records": [{"Sns": {"Message": json.dumps(ALARM)}}]}

    with pytest.raises(Transient):
        handler.handler(event, Context(), chat(status=500))
