"""The drop folder's Lambda entries: what S3's, the queue's and the schedule's events become."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dailies.handlers import deliver_outbox, ingest_upload, sweep_inbox
from dailies.services.deliver_outbox import OutboxPorts
from tests.unit.services.inbox_stage import MODEL, Stage


class Context:
    """A minute of time."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def s3_event(key: str, version_id: str | None) -> dict[str, Any]:
    """Return what EventBridge queues for an object that was created."""
    found = {"key": key, "size": 3, "etag": "ab", "sequencer": "00"}
    if version_id is not None:
        found["version-id"] = version_id
    return {
        "version": "0",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-11-20T12:00:00Z",
        "detail": {"version": "0", "bucket": {"name": "media"}, "object": found},
    }


def batch(*bodies: Any) -> dict[str, Any]:
    """Return an SQS batch whose messages are named 0, 1, 2 …"""
    return {"Records": [{"messageId": str(n), "body": json.dumps(b)} for n, b in enumerate(bodies)]}


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.put("_defaults.json", MODEL)
    return stage


@pytest.mark.parametrize("named", [True, False])
def test_object_is_taken_in_when_its_event_comes(stage: Stage, named: bool) -> None:
    key, version_id = stage.drop("a b+c%20é.txt", "A heron")
    event = batch(s3_event(key, version_id if named else None))

    assert ingest_upload.handler(event, Context(), stage.ports) == {"batchItemFailures": []}
    assert len(stage.jobs()) == 1


@pytest.mark.parametrize(
    "junk", [{}, [], "x", {"detail": {"object": {"key": 7}}, "time": "x"}, {"time": None}]
)
def test_only_the_failed_message_comes_again_when_one_is_junk(stage: Stage, junk: Any) -> None:
    key, version_id = stage.drop("a.txt", "A heron")
    answer = ingest_upload.handler(batch(junk, s3_event(key, version_id)), Context(), stage.ports)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert len(stage.jobs()) == 1


def test_what_waits_is_counted_when_the_schedule_fires(stage: Stage) -> None:
    stage.put("cat.png")
    stage.clock.advance(10)

    assert sweep_inbox.handler({}, Context(), stage.ports) == {"due": 1, "listed": 0}


def test_end_of_another_job_is_no_failure_when_it_is_told(stage: Stage) -> None:
    ports = OutboxPorts(
        arrivals=stage.arrivals, folder=stage.folder, ledger=stage.ledger, clock=stage.clock
    )
    ulid = "01K3Z5N8Q4T7W2X9Y6V1B0C3D5"
    detail = {"event_id": f"evt_{ulid}_000002", "job_id": f"job_{ulid}", "seq": 2}

    answer = deliver_outbox.handler(batch({"detail": detail}), Context(), ports)
    assert answer == {"batchItemFailures": []}
