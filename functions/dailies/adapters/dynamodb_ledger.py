"""The ledger on one DynamoDB table.

`dynamodb_rows` says how its rows look, `dynamodb_writes` what its transactions hold.

botocore gives each TransactWriteItems call a ClientRequestToken and keeps it over its own retries,
so that a transaction whose answer was lost is not made twice, nor does its repeat fail on the
conditions that the first one ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar, cast

from dailies.adapters import cursors, dynamodb_writes
from dailies.adapters import dynamodb_rows as rows
from dailies.adapters.aws_errors import ConditionFailedError, RowBusyError, aws_call
from dailies.adapters.dynamodb_queries import Queries
from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt
from dailies.domain.changes import Change, Creation, Replay
from dailies.domain.deliveries import Delivery
from dailies.domain.errors import ConflictError, StorageError
from dailies.domain.events import Event
from dailies.domain.jobs import Job
from dailies.domain.ports import Page, Snapshot
from dailies.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef
    from pydantic import BaseModel

    from dailies.adapters.dynamodb_rows import Codec, Row

M = TypeVar("M", bound="BaseModel")
T = TypeVar("T")

_TRIES = 4
"""How often a write is made that contradicts nobody, but finds a row in another transaction."""


class DynamoDbLedger:
    """The Ledger port on the table `table`."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client
        self._queries = Queries(table, client)

    # ------------------------------------------------------------ writes

    def create(self, creation: Creation) -> Replay | None:
        """Write a new job with its first event and its idempotency record in one transaction."""
        items = dynamodb_writes.creation_items(self._table, creation)

        def write() -> None:
            try:
                self._transact(items, "create a job")
            except RowBusyError as busy:
                if busy.concerns(0):  # somebody is using the same idempotency key at this moment
                    raise _KeyInFlightError(str(busy)) from busy
                raise

        try:
            _until_free(write)
        except ConditionFailedError as refused:
            return _earlier_answer(creation, refused)
        return None

    def apply(self, change: Change) -> None:
        """Write a change in one transaction."""
        self._transact(dynamodb_writes.change_items(self._table, change), "write a change")

    def signal(self, job_id: str, attempt: int | None = None, *, limit: int = 50) -> Job | None:
        """Add one to `signal_seq` and return the job after it.

        None if there is no such job or attempt, or if the attempt's limit is reached.
        """
        try:
            if attempt is None:
                return _until_free(lambda: self._bump(job_id))
            items = dynamodb_writes.signal_items(self._table, job_id, attempt, limit)
            _until_free(lambda: self._transact(items, "count a signal"))
        except ConditionFailedError:
            return None
        return self.job(job_id)

    def mark_published(self, event: Event) -> None:
        """Take an event out of the outbox. Doing it twice is harmless."""
        try:
            with aws_call("mark an event published"):
                self._client.update_item(
                    TableName=self._table,
                    Key=rows.key(rows.job_pk(event.job_id), rows.event_sk(event.seq)),
                    UpdateExpression="REMOVE outbox, due_pk, due_at",
                    ConditionExpression="attribute_exists(pk)",
                )
        except ConditionFailedError:
            return

    def put_asset(self, asset: Asset) -> None:
        """Write an asset row."""
        self._put(rows.asset_row(asset), "write an asset")

    def begin_delivery(self, delivery: Delivery) -> bool:
        """Write the line of a try that begins now; False if somebody else makes this try."""
        try:
            with aws_call("begin a delivery"):
                self._client.put_item(
                    TableName=self._table,
                    Item=rows.delivery_row(delivery),
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except ConditionFailedError:
            return False
        return True

    def record_delivery(self, delivery: Delivery) -> None:
        """Write one line of a job's delivery log."""
        self._put(rows.delivery_row(delivery), "write a delivery")

    # ------------------------------------------------------------ reads

    def earlier(self, tenant: str, idempotency_key: str, now: dt.datetime) -> Replay | None:
        """Return the record of an idempotency key that was used before, or None."""
        key = rows.idempotency_key(tenant, idempotency_key)
        row = self._get(key, "read an idempotency key")
        return None if row is None or rows.past_ttl(row, now) else rows.replay(row)

    def snapshot(self, job_id: str) -> Snapshot | None:
        """Return job and attempts (one consistent query), or None if there is no such job."""
        job: Job | None = None
        attempts: list[Attempt] = []
        for row in self._queries.range(rows.job_pk(job_id), rows.FIRST_ATTEMPT, rows.JOB_ROW):
            if row["sk"] == {"S": rows.JOB_ROW}:
                job = rows.JOBS.decode(row)
            else:
                attempts.append(rows.ATTEMPTS.decode(row))
        return None if job is None else Snapshot(job, tuple(attempts))

    def job(self, job_id: str, *, consistent: bool = True) -> Job | None:
        """Return the job row alone (one read)."""
        row = self._get(rows.job_key(job_id), "read a job", consistent=consistent)
        return None if row is None else rows.JOBS.decode(row)

    def jobs(self, tenant: str, *, limit: int, cursor: str | None = None) -> Page[Job]:
        """Return a tenant's jobs, newest first."""
        after = None if cursor is None else cursors.job_after(cursor)
        found = [
            rows.JOBS.decode(row)
            for row in self._queries.jobs_of(tenant, after=after, limit=limit + 1)
        ]
        return cursors.job_page(found, limit)

    def events(self, job_id: str, *, after: int = 0, limit: int = 100) -> tuple[Event, ...]:
        """Return a job's events with a number above `after`, in order."""
        if after >= rows.LAST_SEQ:
            return ()
        first, last = rows.event_sk(max(after, 0) + 1), rows.event_sk(rows.LAST_SEQ)
        found = self._queries.range(rows.job_pk(job_id), first, last, limit=limit)
        return tuple(rows.EVENTS.decode(row) for row in found)

    def due(self, now: dt.datetime, *, limit: int) -> Iterator[Job]:
        """Yield jobs whose `due_at` has passed, oldest first, as the index shows them."""
        partitions = [rows.jobs_due_pk(shard) for shard in range(rows.SHARDS)]
        found = self._queries.due(partitions, rows.timestamp(now), limit=limit)
        return _readable(rows.JOBS, found)

    def unpublished(self, before: dt.datetime, *, limit: int) -> Iterator[Event]:
        """Yield outbox events written before `before` that nobody has marked published."""
        partitions = [rows.outbox_pk(shard) for shard in range(rows.SHARDS)]
        until = rows.timestamp(before - dt.timedelta(microseconds=1))
        return _readable(rows.EVENTS, self._queries.due(partitions, until, limit=limit))

    def asset(self, asset_id: str) -> Asset | None:
        """Return an asset, or None. The caller checks the tenant."""
        row = self._get(rows.asset_key(asset_id), "read an asset")
        return None if row is None else rows.ASSETS.decode(row)

    def deliveries(self, job_id: str) -> tuple[Delivery, ...]:
        """Return a job's delivery log by event, sink and try."""
        found = self._queries.range(rows.job_pk(job_id), *rows.DELIVERY_RANGE)
        return tuple(rows.DELIVERIES.decode(row) for row in found)

    # ------------------------------------------------------------ calls

    def _transact(self, items: list[TransactWriteItemTypeDef], what: str) -> None:
        with aws_call(what):
            self._client.transact_write_items(TransactItems=items)

    def _bump(self, job_id: str) -> Job:
        with aws_call("count a signal"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=rows.job_key(job_id),
                UpdateExpression="ADD signal_seq :one",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":one": {"N": "1"}},
                ReturnValues="ALL_NEW",
            )
        return rows.JOBS.decode(answer["Attributes"])

    def _get(self, key: Row, what: str, *, consistent: bool = True) -> Row | None:
        with aws_call(what):
            answer = self._client.get_item(
                TableName=self._table, Key=key, ConsistentRead=consistent
            )
        return cast("Row | None", answer.get("Item"))

    def _put(self, row: Row, what: str) -> None:
        with aws_call(what):
            self._client.put_item(TableName=self._table, Item=row)


def _readable(codec: Codec[M], found: Iterator[Row]) -> Iterator[M]:
    """Yield what rows hold, but for those that cannot be read: one must not hold up the rest."""
    for row in found:
        try:
            yield codec.decode(row)
        except ValueError:
            logger.exception("unreadable row", extra={"job_id": rows.text(row, "job_id")})


class _KeyInFlightError(ConflictError):
    """The idempotency row itself was busy: the same request is being carried out elsewhere."""


def _until_free(write: Callable[[], T]) -> T:
    """Return what `write` returns, made again at once while another transaction has its rows.

    Raises:
        StorageError: the row stayed busy.
    """
    for _ in range(_TRIES - 1):
        try:
            return write()
        except RowBusyError:
            continue
    try:
        return write()
    except RowBusyError as exc:
        raise StorageError(str(exc)) from exc


def _earlier_answer(creation: Creation, refused: ConditionFailedError) -> Replay:
    """Return the record of the key's first use, which the refusal itself brought along.

    Raises:
        InvalidRequestError: it was not the key that was in the way, but an asset that is not there.
        ConditionFailedError: neither: the job's id is taken.
    """
    if refused.refuses(0):
        return rows.replay(refused.reasons[0]["Item"])
    first_check = dynamodb_writes.FIRST_ASSET_CHECK
    missing = [
        asset_id
        for place, asset_id in enumerate(dynamodb_writes.needed_assets(creation), first_check)
        if refused.refuses(place)
    ]
    if missing:
        raise creation.assets_missing(missing) from refused
    raise refused
