"""From the outbox to the bus."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from dailies.domain.errors import StorageError
from dailies.domain.events import Event, EventType
from dailies.domain.jobs import JobError, JobState
from dailies.services.publish import publish
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.notification import (
    ASSET_ID,
    JOB_ID,
    START,
    URL,
    Bus,
    event,
    fill,
    job,
    ledger_with,
)

LATER = START + dt.timedelta(hours=1)
ALL = {"webhook": {"url": URL}, "email": ["ann@example.com"], "sns": True}


def test_event_reaches_the_bus_once_and_leaves_the_outbox_when_published() -> None:
    ledger, bus = ledger_with(job(ALL)), Bus()

    failed = publish([event()], ledger=ledger, bus=bus)

    assert failed == []
    assert [detail["event_id"] for detail in bus.put_details] == [event().event_id]
    assert list(ledger.unpublished(LATER, limit=10)) == []


def test_detail_tells_what_rules_filter_on_and_no_address_when_published() -> None:
    ledger, bus = ledger_with(job(ALL)), Bus()

    publish([event()], ledger=ledger, bus=bus)

    (detail,) = bus.put_details
    assert detail["v"] == 1
    assert detail["type"] == "job.succeeded"
    assert detail["at"] == "2026-11-20T12:01:35.000Z"
    assert (detail["tenant"], detail["job_id"], detail["seq"]) == ("acme", JOB_ID, 9)
    assert (detail["state"], detail["model"]) == ("succeeded", "kling/kling-v2")
    assert (detail["attempt"]["number"], detail["attempt"]["vendor"]) == (1, "kling")
    assert (detail["charged"], detail["cost_usd"]) == ("yes", "0.35")
    assert [a["asset_id"] for a in detail["outputs"]] == [ASSET_ID]
    assert detail["metadata"] == {"order": "42"}
    assert detail["sinks"] == ["webhook", "email", "sns"]
    text = json.dumps(detail)
    for secret in ("http", "example.com", "do-not-tell", "internal", "lighthouse"):
        assert secret not in text


def test_detail_tells_the_error_code_alone_when_the_job_failed() -> None:
    error = JobError(code="vendor_failed", message="The vendor said: see https://x.example/?k=1")
    ledger, bus = ledger_with(job({}, state=JobState.FAILED, error=error)), Bus()

    publish([event(EventType.JOB_FAILED)], ledger=ledger, bus=bus)

    assert bus.put_details[0]["error"] == "vendor_failed"


@pytest.mark.parametrize(
    ("type", "wanted", "sinks"),
    [
        (EventType.JOB_SUCCEEDED, [], ["webhook", "email", "sns"]),
        (EventType.JOB_FAILED, [], ["webhook", "email", "sns"]),
        (EventType.JOB_CANCELED, [], ["webhook", "email", "sns"]),
        (EventType.JOB_EXPIRED, [], ["webhook", "email", "sns"]),
        (EventType.JOB_LATE_ASSET, [], ["webhook", "email", "sns"]),
        (EventType.JOB_STARTED, [], []),
        (EventType.JOB_PROGRESS, ["job.started"], []),
        (EventType.JOB_STARTED, ["job.started"], ["webhook", "sns"]),
        (EventType.JOB_PROGRESS, ["job.progress"], ["webhook", "sns"]),
        (EventType.JOB_PARKED, ["job.started", "job.progress"], []),
    ],
)
def test_sinks_are_those_asked_for_when_published(
    type: EventType, wanted: list[str], sinks: list[str]
) -> None:
    told = event(type)
    ledger, bus = ledger_with(job({**ALL, "events": wanted}), told), Bus()

    publish([told], ledger=ledger, bus=bus)

    assert bus.put_details[0]["sinks"] == sinks


def test_no_sink_is_told_when_the_job_asks_for_none() -> None:
    ledger, bus = ledger_with(job({})), Bus()

    publish([event()], ledger=ledger, bus=bus)

    assert bus.put_details[0]["sinks"] == []


def test_event_stays_in_the_outbox_when_the_bus_is_down() -> None:
    ledger, bus = ledger_with(job(ALL)), Bus(down=True)

    failed = publish([event()], ledger=ledger, bus=bus)

    assert failed == [event().event_id]
    assert [e.event_id for e in ledger.unpublished(LATER, limit=10)] == failed


def test_others_are_published_when_one_has_no_job() -> None:
    ledger, bus = ledger_with(job(ALL)), Bus()
    lost = event().model_copy(update={"job_id": JOB_ID[:-1] + "0", "event_id": "evt_lost"})

    failed = publish([lost, event()], ledger=ledger, bus=bus)

    assert failed == ["evt_lost"]
    assert len(bus.put_details) == 1


class _LosesMarks(InMemoryLedger):
    lost = True

    def mark_published(self, event: Event) -> None:
        if self.lost:
            raise StorageError("The table did not answer.")
        super().mark_published(event)


def test_event_comes_again_under_the_same_id_when_its_mark_was_lost() -> None:
    ledger, bus = fill(_LosesMarks(), job(ALL)), Bus()

    assert publish([event()], ledger=ledger, bus=bus) == [event().event_id]
    ledger.lost = False
    swept = list(ledger.unpublished(LATER, limit=10))
    assert publish(swept, ledger=ledger, bus=bus) == []

    assert [d["event_id"] for d in bus.put_details] == [event().event_id] * 2
    assert list(ledger.unpublished(LATER, limit=10)) == []
