"""How often the API asks AWS: twice to create a job, once to read one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.handlers.api import handler
from tests.fakes.api import ApiClient, ApiFakes
from tests.unit.adapters.conftest import TABLE, client, create_table

BODY = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a red fox"}


class Counted:
    """The API on the real ledger, and the calls that it made."""

    def __init__(self) -> None:
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        self.calls: list[str] = []
        dynamodb.meta.events.register(
            "before-call.dynamodb", lambda model, **_: self.calls.append(model.name)
        )
        self.fakes = ApiFakes(ledger=DynamoDbLedger(TABLE, dynamodb))  # type: ignore[arg-type]
        self.api = ApiClient(handler, self.fakes)

    def create(self) -> str:
        reply = self.api.post("/v1/jobs", BODY, headers={"Idempotency-Key": "k"})
        assert reply.status == 202
        return reply.headers["Location"]


@pytest.fixture
def counted() -> Iterator[Counted]:
    with mock_aws():
        yield Counted()


def test_one_write_and_one_start_when_a_job_is_created(counted: Counted) -> None:
    counted.create()

    assert counted.calls == ["TransactWriteItems"]
    assert len(counted.fakes.workflow.started) == 1


def test_one_call_and_no_start_when_a_request_is_repeated(counted: Counted) -> None:
    counted.create()
    counted.calls.clear()
    counted.create()

    assert counted.calls == ["TransactWriteItems"]
    assert len(counted.fakes.workflow.started) == 1


def test_one_read_and_no_write_when_a_request_is_refused(counted: Counted) -> None:
    gone = BODY | {"model": "openai/sora-2"}

    assert counted.api.post("/v1/jobs", gone, headers={"Idempotency-Key": "k"}).status == 410
    assert counted.calls == ["GetItem"]


def test_one_read_when_a_job_is_read(counted: Counted) -> None:
    path = counted.create()
    counted.calls.clear()

    assert counted.api.get(path).status == 200
    assert counted.calls == ["GetItem"]
