"""Arrivals of the drop folder in the one table.

::

    pk                                          sk      what, beside the model's fields
    INB#<tenant>#<sha256 of key and version>    INB     an Arrival: due_pk with due_at, ttl
    INBJOB#<job_id>                             INB     whose job it is: arrival (a pk), ttl
    CAP#<tenant>#<sha256 of the folder's key>   <day>   a day's estimates: counted_usd, ttl
    INBPASS                                     PASS    the newest walk through the inbox
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dailies.adapters import dynamodb_rows as rows
from dailies.adapters.aws_errors import ConditionFailedError, RowBusyError, aws_call
from dailies.adapters.dynamodb_queries import Queries
from dailies.domain.arrivals import Arrival, Cap, CapShare, ListingPass, SpendCapError
from dailies.domain.inbox import arrival_digest, place_of
from dailies.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

    from dailies.adapters.dynamodb_rows import Row

ARRIVALS = rows.Codec(Arrival, frozenset({"request", "inputs", "shares"}))
PASSES = rows.Codec(ListingPass)
KEPT = dt.timedelta(days=90)
"""Longer than an object lies in the inbox with all its versions: none may start a second job."""
_CAP_KEPT = dt.timedelta(days=3)
_TRIES = 5
_SK = "INB"
_PASS = rows.key("INBPASS", "PASS")


class DynamoDbArrivals:
    """The Arrivals port on the table `table`."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client
        self._queries = Queries(table, client)

    def find(self, key: str, version_id: str) -> Arrival | None:
        """Return what became of a version of an object."""
        row = self._get(rows.key(_pk(key, version_id), _SK))
        return None if row is None else ARRIVALS.decode(row)

    def write(self, arrival: Arrival) -> Arrival:
        """Write the row if nobody else has since it was read."""
        put, written = self._put(arrival)
        with aws_call("write an arrival"):
            self._client.put_item(**put)
        return written

    def begin(self, arrival: Arrival, caps: Sequence[Cap]) -> Arrival:
        """Write the row and the job's link to it, and count the estimate under each cap."""
        put, written = self._put(arrival)
        items: list[TransactWriteItemTypeDef] = [{"Put": put}, {"Put": self._link(arrival)}]
        for share, cap in zip(arrival.shares, caps, strict=True):
            if cap.usd < arrival.estimate_usd:
                raise SpendCapError(cap.folder)
            items.append(self._count(arrival, share, cap))
        try:
            self._transact(items, "begin an arrival")
        except ConditionFailedError as refused:
            if not refused.refuses(0):
                for place, cap in enumerate(caps, 2):
                    if refused.refuses(place):
                        raise SpendCapError(cap.folder) from refused
            raise
        return written

    def give_back(self, arrival: Arrival) -> Arrival:
        """Write the row without its shares and take its estimate off their count."""
        put, written = self._put(arrival.model_copy(update={"shares": []}))
        items: list[TransactWriteItemTypeDef] = [{"Put": put}]
        items += [self._count(arrival, share, None) for share in arrival.shares]
        self._transact(items, "give an arrival's money back")
        return written

    def of_job(self, job_id: str) -> Arrival | None:
        """Return the arrival that a job was made for."""
        link = self._get(rows.key(f"INBJOB#{job_id}", _SK))
        row = link and self._get(rows.key(rows.text(link, "arrival"), _SK))
        return None if row is None else ARRIVALS.decode(row)

    def due(self, now: dt.datetime, *, limit: int) -> Iterator[Arrival]:
        """Yield arrivals whose `due_at` has passed, oldest first."""
        partitions = [f"INB#{shard}" for shard in range(rows.SHARDS)]
        for row in self._queries.due(partitions, rows.timestamp(now), limit=limit):
            try:
                yield ARRIVALS.decode(row)
            except ValueError:
                logger.exception("unreadable row")

    def listing_pass(self) -> ListingPass | None:
        """Return the newest walk through the inbox."""
        row = self._get(_PASS)
        return None if row is None else PASSES.decode(row)

    def save_pass(self, listing: ListingPass) -> None:
        """Remember how far a walk has come."""
        with aws_call("write a walk through the inbox"):
            self._client.put_item(TableName=self._table, Item=_PASS | PASSES.encode(listing))

    # ------------------------------------------------------------ items

    def _put(self, arrival: Arrival) -> tuple[PutTypeDef, Arrival]:
        written = arrival.model_copy(update={"rev": arrival.rev + 1})
        pk = _pk(arrival.key, arrival.version_id)
        row = rows.key(pk, _SK) | ARRIVALS.encode(written) | _ttl(arrival.seen_at + KEPT)
        if written.due_at is not None:
            row["due_pk"] = {"S": f"INB#{zlib.crc32(pk.encode()) % rows.SHARDS}"}
        put: PutTypeDef = {"TableName": self._table, "Item": row}
        if arrival.rev == 0:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        else:
            put["ConditionExpression"] = "#rev = :rev"
            put["ExpressionAttributeNames"] = {"#rev": "rev"}
            put["ExpressionAttributeValues"] = {":rev": {"N": str(arrival.rev)}}
        return put, written

    def _link(self, arrival: Arrival) -> PutTypeDef:
        pk = {"arrival": {"S": _pk(arrival.key, arrival.version_id)}}
        row = rows.key(f"INBJOB#{arrival.job_id}", _SK) | pk | _ttl(arrival.seen_at + KEPT)
        return {"TableName": self._table, "Item": row}

    def _count(
        self, arrival: Arrival, share: CapShare, cap: Cap | None
    ) -> TransactWriteItemTypeDef:
        """Return the write that counts the estimate under a cap, or, without one, takes it off."""
        amount = arrival.estimate_usd if cap else -arrival.estimate_usd
        values: Row = {":amount": {"N": str(amount)}}
        day = dt.datetime.fromisoformat(share.day).replace(tzinfo=dt.UTC)
        values[":ttl"] = _ttl(day + _CAP_KEPT)["ttl"]
        pk = f"CAP#{arrival.tenant}#{rows.digest(share.folder)}"
        update: Any = {
            "TableName": self._table,
            "Key": rows.key(pk, share.day),
            "UpdateExpression": "ADD counted_usd :amount SET #ttl = :ttl",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": values,
        }
        if cap is not None:
            values[":room"] = {"N": str(cap.usd - arrival.estimate_usd)}
            fits = "attribute_not_exists(counted_usd) OR counted_usd <= :room"
            update["ConditionExpression"] = fits
        return {"Update": update}

    # ------------------------------------------------------------ calls

    def _get(self, key: Row) -> Row | None:
        with aws_call("read an arrival"):
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item: Any = answer.get("Item")
        return item

    def _transact(self, items: list[TransactWriteItemTypeDef], what: str) -> None:
        for _ in range(_TRIES - 1):
            try:
                with aws_call(what):
                    self._client.transact_write_items(TransactItems=items)
            except RowBusyError:
                continue  # many files count under one cap at a time, and contradict nobody
            return
        with aws_call(what):
            self._client.transact_write_items(TransactItems=items)


def _pk(key: str, version_id: str) -> str:
    place = place_of(key)
    if place is None:
        raise ValueError("a key that names no tenant has no arrival")
    return f"INB#{place.tenant}#{arrival_digest(key, version_id)}"


def _ttl(at: dt.datetime) -> Row:
    return {"ttl": {"N": str(rows.epoch_s(at))}}
