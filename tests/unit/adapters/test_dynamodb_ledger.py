"""What only the ledger on DynamoDB does: how its rows look, and how it bears trouble."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import ANY, Stubber

from dailies.adapters import dynamodb_rows as rows
from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.domain.errors import ConfigurationError, ConflictError, StorageError
from dailies.domain.events import EventType
from dailies.domain.jobs import Job
from tests.unit.adapters.conftest import TABLE, client
from tests.unit.adapters.samples import (
    NOW,
    SECOND,
    a_creation,
    a_full_attempt,
    a_job,
    an_asset,
    an_attempt,
    draft,
)


@pytest.fixture
def ledger(dynamodb: Any) -> DynamoDbLedger:
    return DynamoDbLedger(TABLE, dynamodb)


def row_of(dynamodb: Any, job: Job, sk: str) -> dict[str, Any]:
    key = {"pk": {"S": f"JOB#{job.job_id}"}, "sk": {"S": sk}}
    item: dict[str, Any] = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    return item


# ---------------------------------------------------------------- rows


def test_job_row_has_what_the_workflow_and_the_indexes_read_when_created(
    dynamodb: Any, ledger: DynamoDbLedger
) -> None:
    job = a_job()
    ledger.create(a_creation(job))
    row = row_of(dynamodb, job, "JOB")
    assert (row["run"], row["signal_seq"]) == ({"N": "1"}, {"N": "0"})
    assert row["tenant_pk"] == {"S": "TEN#acme"}
    assert row["due_at"] == {"S": "2026-11-20T12:01:00.250000Z"}
    assert row["due_pk"]["S"] in {f"DUE#{shard}" for shard in range(8)}
    assert row["estimate_usd"] == {"N": "0.84"}
    assert "token" not in row


def test_job_row_leaves_the_index_when_nothing_is_due(
    dynamodb: Any, ledger: DynamoDbLedger
) -> None:
    job = a_job()
    ledger.create(a_creation(job))
    ledger.apply(draft(job).set(due_at=None).change())
    assert not {"due_pk", "due_at"} & set(row_of(dynamodb, job, "JOB"))


def test_event_rows_carry_the_outbox_when_their_type_is_published(
    dynamodb: Any, ledger: DynamoDbLedger
) -> None:
    job = a_job()
    ledger.create(a_creation(job))
    change = draft(job).event(EventType.STAGE_ENTERED).event(EventType.JOB_FAILED).change()
    ledger.apply(change)
    assert "outbox" not in row_of(dynamodb, job, "LOG#000001")
    assert "outbox" not in row_of(dynamodb, job, "LOG#000002")
    told = row_of(dynamodb, job, "LOG#000003")
    assert told["outbox"] == {"N": "1"}
    assert told["due_at"] == {"S": "2026-11-20T12:00:01.250000Z"}
    assert rows.EVENTS.decode(told) == change.events[1]


def test_idempotency_row_hides_the_key_and_expires_when_written(
    dynamodb: Any, ledger: DynamoDbLedger
) -> None:
    ledger.create(a_creation(a_job(), key="top/secret#key"))
    items = dynamodb.scan(TableName=TABLE)["Items"]
    (row,) = [item for item in items if item["sk"] == {"S": "IDEM"}]
    assert row["pk"] == {"S": "IDEM#acme#" + rows.digest("top/secret#key")}
    assert int(row["ttl"]["N"]) >= NOW.timestamp() + 86400


def test_shards_are_all_used_when_there_are_many_jobs() -> None:
    shards = {rows.job_row(a_job())["due_pk"]["S"] for _ in range(200)}  # type: ignore[index]
    assert len(shards) == rows.SHARDS


@pytest.mark.parametrize(
    ("codec", "value"),
    [
        (rows.JOBS, a_job()),
        (rows.ATTEMPTS, an_attempt(a_job())),
        (rows.ATTEMPTS, a_full_attempt(a_job())),
        (rows.ASSETS, an_asset()),
        (rows.EVENTS, a_creation(a_job()).event),
    ],
)
def test_codec_returns_the_same_model_when_there_and_back(
    codec: rows.Codec[Any], value: Any
) -> None:
    assert codec.decode(codec.encode(value)) == value


def test_codec_refuses_a_field_with_parts_when_it_is_not_told_of_it() -> None:
    with pytest.raises(TypeError, match="Progress"):
        rows.Codec(Job).encode(a_job())


def test_row_is_read_when_a_newer_release_wrote_more_fields() -> None:
    job = a_job()
    assert rows.JOBS.decode(rows.job_row(job) | {"brand_new": {"S": "x"}}) == job


def test_part_is_read_when_a_newer_release_wrote_more_into_it() -> None:
    job = a_job()
    row = rows.job_row(job)
    request = json.loads(rows.text(row, "request")) | {"brand_new": 1, "image": None}
    assert rows.JOBS.decode(row | {"request": rows.as_json(request)}) == job


def test_due_passes_over_a_row_when_it_cannot_be_read(
    dynamodb: Any, ledger: DynamoDbLedger
) -> None:
    broken, sound = a_job(), a_job(due_at=NOW + 61 * SECOND)
    for job in (broken, sound):
        ledger.create(a_creation(job, key=job.job_id))
    row = row_of(dynamodb, broken, "JOB") | {"state": {"S": "from the future"}}
    dynamodb.put_item(TableName=TABLE, Item=row)
    assert list(ledger.due(NOW + 90 * SECOND, limit=9)) == [sound]


# ---------------------------------------------------------------- one round trip, large answers


@pytest.fixture
def calls(dynamodb: Any) -> list[tuple[str, dict[str, Any]]]:
    """The calls that the client makes, with their parameters as they are sent."""
    made: list[tuple[str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        made.append((model.name, params))

    dynamodb.meta.events.register("before-parameter-build.dynamodb", note)
    return made


def test_create_is_one_call_when_it_is_new_and_when_it_replays(
    ledger: DynamoDbLedger, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    ledger.create(a_creation(a_job()))
    ledger.create(a_creation(a_job()))
    assert [name for name, _ in calls] == ["TransactWriteItems"] * 2


def test_transactions_carry_a_token_of_their_own_when_sent(
    ledger: DynamoDbLedger, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    job = a_job()
    ledger.create(a_creation(job))
    ledger.apply(draft(job).set(parked=True).change())
    tokens = [params["ClientRequestToken"] for _, params in calls]
    assert len(set(tokens)) == 2


def test_snapshot_is_one_consistent_query_when_the_log_is_long(
    ledger: DynamoDbLedger, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    job = a_job()
    ledger.create(a_creation(job))
    calls.clear()
    ledger.snapshot(job.job_id)
    ((name, params),) = calls
    assert (name, params["ConsistentRead"]) == ("Query", True)
    assert params["ExpressionAttributeValues"][":first"] == {"S": "ATT#"}
    assert params["ExpressionAttributeValues"][":last"] == {"S": "JOB"}


def test_reads_follow_their_pages_when_an_answer_is_cut(ledger: DynamoDbLedger) -> None:
    # DynamoDB cuts an answer at 1 MiB: twelve events of 120 kB make two pages.
    job = a_job()
    ledger.create(a_creation(job))
    change = draft(job)
    for _ in range(12):
        change.event(EventType.JOB_STARTED, note="x" * 120_000)
    ledger.apply(change.change())
    assert [event.seq for event in ledger.events(job.job_id)] == list(range(1, 14))
    assert [event.seq for event in ledger.events(job.job_id, limit=11)] == list(range(1, 12))
    assert len(list(ledger.unpublished(NOW + 60 * SECOND, limit=100))) == 12


# ---------------------------------------------------------------- trouble


@pytest.fixture
def stubbed() -> Iterator[tuple[DynamoDbLedger, Stubber]]:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        yield DynamoDbLedger(TABLE, dynamodb), stub
        stub.assert_no_pending_responses()


def cancel(stub: Stubber, *codes: str) -> None:
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": code} for code in codes]},
    )


def test_create_conflicts_at_once_when_its_key_is_being_written(
    stubbed: tuple[DynamoDbLedger, Stubber],
) -> None:
    ledger, stub = stubbed
    cancel(stub, "TransactionConflict", "None", "None")
    with pytest.raises(ConflictError):
        ledger.create(a_creation(a_job()))


def test_create_tries_again_when_an_asset_is_being_written(
    stubbed: tuple[DynamoDbLedger, Stubber],
) -> None:
    ledger, stub = stubbed
    cancel(stub, "None", "None", "None", "TransactionConflict")
    stub.add_response("transact_write_items", {})
    assert ledger.create(a_creation(a_job(), needs_assets=("ast_1",))) is None


def test_apply_conflicts_when_another_transaction_has_its_row(
    stubbed: tuple[DynamoDbLedger, Stubber],
) -> None:
    ledger, stub = stubbed
    cancel(stub, "TransactionConflict", "None")
    with pytest.raises(ConflictError):
        ledger.apply(draft(a_job()).set(parked=True).change())


def test_apply_is_worth_a_retry_when_the_table_throttles(
    stubbed: tuple[DynamoDbLedger, Stubber],
) -> None:
    ledger, stub = stubbed
    cancel(stub, "ThrottlingError", "None")
    with pytest.raises(StorageError):
        ledger.apply(draft(a_job()).set(parked=True).change())


def test_signal_gets_through_when_a_step_is_writing(
    stubbed: tuple[DynamoDbLedger, Stubber],
) -> None:
    ledger, stub = stubbed
    job = a_job(signal_seq=1)
    stub.add_client_error("update_item", "TransactionConflictException")
    stub.add_response("update_item", {"Attributes": rows.job_row(job)})
    assert ledger.signal(job.job_id) == job


def test_signal_of_an_attempt_gets_through_when_a_step_is_writing(
    stubbed: tuple[DynamoDbLedger, Stubber],
) -> None:
    ledger, stub = stubbed
    job = a_job(signal_seq=1)
    cancel(stub, "None", "TransactionConflict")
    stub.add_response("transact_write_items", {})
    stub.add_response(
        "get_item",
        {"Item": rows.job_row(job)},
        {"TableName": TABLE, "Key": ANY, "ConsistentRead": True},
    )
    assert ledger.signal(job.job_id, 1) == job


def test_signal_is_worth_a_retry_when_the_row_stays_busy(
    stubbed: tuple[DynamoDbLedger, Stubber],
) -> None:
    ledger, stub = stubbed
    for _ in range(4):
        stub.add_client_error("update_item", "TransactionConflictException")
    with pytest.raises(StorageError):
        ledger.signal(a_job().job_id)


CALLS: dict[str, Callable[[DynamoDbLedger], object]] = {
    "create": lambda ledger: ledger.create(a_creation(a_job())),
    "apply": lambda ledger: ledger.apply(draft(a_job()).set(parked=True).change()),
    "signal": lambda ledger: ledger.signal(a_job().job_id),
    "signal of an attempt": lambda ledger: ledger.signal(a_job().job_id, 1),
    "snapshot": lambda ledger: ledger.snapshot(a_job().job_id),
    "job": lambda ledger: ledger.job(a_job().job_id),
    "jobs": lambda ledger: ledger.jobs("acme", limit=1),
    "events": lambda ledger: ledger.events(a_job().job_id),
    "due": lambda ledger: list(ledger.due(NOW, limit=1)),
    "unpublished": lambda ledger: list(ledger.unpublished(NOW, limit=1)),
    "mark_published": lambda ledger: ledger.mark_published(a_creation(a_job()).event),
    "asset": lambda ledger: ledger.asset("ast_1"),
    "put_asset": lambda ledger: ledger.put_asset(an_asset()),
    "deliveries": lambda ledger: ledger.deliveries(a_job().job_id),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ReadTimeoutError(endpoint_url="https://example.com"), StorageError),
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "Any"),
            ConfigurationError,
        ),
    ],
    ids=["silence", "no access"],
)
def test_every_call_speaks_our_words_when_the_table_does_not_answer(
    call: str, raised: Exception, expected: type[Exception]
) -> None:
    dynamodb = client("dynamodb")

    def fail(**_: Any) -> None:
        raise raised

    dynamodb.meta.events.register("before-parameter-build.dynamodb", fail)
    with pytest.raises(expected) as caught:
        CALLS[call](DynamoDbLedger(TABLE, dynamodb))
    assert caught.value.__cause__ is raised
