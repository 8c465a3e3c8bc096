"""Announcements on the topic."""

from __future__ import annotations

import json

import pytest

from dailies.domain.errors import DeliveryRefusedError, StorageError
from dailies.services.announce import AnnouncePorts, announce
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.notification import (
    ASSET_ID,
    JOB_ID,
    MemoryTopic,
    SteppedClock,
    event,
    job,
    ledger_with,
    outcomes,
    ref,
)


def _ports(topic: MemoryTopic) -> tuple[InMemoryLedger, AnnouncePorts]:
    ledger = ledger_with(job({"sns": True}))
    return ledger, AnnouncePorts(ledger=ledger, topic=topic, clock=SteppedClock())


def test_message_has_facts_and_attributes_to_filter_on() -> None:
    topic = MemoryTopic()
    _, ports = _ports(topic)

    announce(ref(), ports)

    ((subject, text, attributes),) = topic.published
    assert subject == f"job.succeeded {JOB_ID}"
    assert attributes == {"type": "job.succeeded", "tenant": "acme", "job_id": JOB_ID}
    message = json.loads(text)
    assert message["event_id"] == event().event_id
    assert message["data"]["outputs"][0]["asset_id"] == ASSET_ID
    assert "http" not in text


def test_subject_fits_what_sns_takes() -> None:
    topic = MemoryTopic()
    _, ports = _ports(topic)

    announce(ref(), ports)

    subject = topic.published[0][0]
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


def test_topic_is_told_once_when_the_message_comes_twice() -> None:
    topic = MemoryTopic()
    ledger, ports = _ports(topic)

    announce(ref(), ports)
    announce(ref(), ports)

    assert len(topic.published) == 1
    assert outcomes(ledger) == [("sns", 1, "delivered")]


def test_topic_is_told_later_when_it_was_down() -> None:
    topic = MemoryTopic(down=True)
    ledger, ports = _ports(topic)
    with pytest.raises(StorageError):
        announce(ref(), ports)

    topic.down = False
    announce(ref(), ports)

    assert outcomes(ledger) == [("sns", 1, "storage_unavailable"), ("sns", 2, "delivered")]


def test_announcement_is_refused_when_there_is_no_such_event() -> None:
    topic = MemoryTopic()
    _, ports = _ports(topic)

    with pytest.raises(DeliveryRefusedError):
        announce(ref(event(seq=3)), ports)

    assert topic.published == []
