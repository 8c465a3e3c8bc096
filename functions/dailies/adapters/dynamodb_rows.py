"""How the ledger's models look as rows of the one table.

Every field of a model is a top-level attribute of the same name, so that a write can change one
field, and a condition or an index can read one. None is an attribute that is not there. Numbers
and money are N, flags BOOL, words S; times are S: ISO 8601 in UTC with six decimals and `Z`, so
that they sort as text; what has parts of its own (a request, a handle, a list) is S holding JSON.

Primary keys; `<2>` is a number with so many digits::

    pk                   sk                           what, beside the model's fields
    JOB#<job_id>         ATT#<2>                      an attempt: signals (how many it had)
    JOB#<job_id>         JOB                          the job: tenant_pk; due_pk with due_at
    JOB#<job_id>         LOG#<6>                      an event; unpublished: outbox, due_pk, due_at
    JOB#<job_id>         OUT#<event_id>#<sink>#<2>    one try of a delivery
    AST#<asset_id>       AST                          an asset
    IDEM#<tenant>#<sha256 of the key>   IDEM          a Replay: ttl

`ATT#` … `JOB` is one range, so that one query reads a job with its attempts and nothing else.
The index `due` is sparse (due_pk, due_at: `DUE#<shard>` jobs, `OUT#<shard>` events); the index
`by_tenant` holds jobs (tenant_pk, job_id). Access rows and statistics are in files of their own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt
from dailies.domain.changes import Creation, Replay
from dailies.domain.deliveries import Delivery
from dailies.domain.events import PUBLISHED, Event
from dailies.domain.jobs import Job

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    Row = dict[str, UniversalAttributeValueTypeDef]

M = TypeVar("M", bound=BaseModel)

SHARDS = 8
"""Partitions of the index `due`, for jobs and for the outbox each."""
IDEMPOTENCY_KEPT = dt.timedelta(hours=25)
"""An idempotency key is promised for 24 hours."""
FIRST_ATTEMPT, JOB_ROW = "ATT#", "JOB"
DELIVERY_RANGE = ("OUT#", "OUT$")
"""Encloses the sort keys of all deliveries: `$` follows `#`."""
LAST_SEQ = 999_999


@dataclass(frozen=True)
class Codec(Generic[M]):
    """Turns one model into attributes and back; `parts` are its fields that are kept as JSON."""

    model: type[M]
    parts: frozenset[str] = frozenset()

    def encode(self, value: M) -> Row:
        """Return the attributes of `value`; a field that is None has none."""
        dumped = value.model_dump(mode="json", include=set(self.parts))
        row: Row = {}
        for name in self.model.model_fields:
            field = getattr(value, name)
            if field is None:
                continue
            row[name] = as_json(dumped[name]) if name in self.parts else as_attribute(field)
        return row

    def decode(self, row: Mapping[str, Any]) -> M:
        """Return the model of a row.

        What it does not know it ignores, inside parts too: after a roll-back, rows of the newer
        release must still be read.
        """
        fields = {
            name: _parse(row[name], as_part=name in self.parts)
            for name in self.model.model_fields
            if name in row
        }
        return self.model.model_validate(fields, extra="ignore")


JOBS = Codec(
    Job,
    frozenset({"progress", "request", "routes", "assets", "error", "warnings", "enhancement"}),
)
ATTEMPTS = Codec(
    Attempt, frozenset({"handle", "outputs", "billed", "charge", "failure", "upload", "degraded"})
)
EVENTS = Codec(Event, frozenset({"data"}))
ASSETS = Codec(Asset, frozenset({"media", "quality"}))
DELIVERIES = Codec(Delivery)


def as_attribute(value: object) -> UniversalAttributeValueTypeDef:
    """Return a single value as an attribute."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | Decimal):
        return {"N": str(value)}
    if isinstance(value, dt.datetime):
        return {"S": timestamp(value)}
    if isinstance(value, Enum):
        return {"S": str(value.value)}
    if isinstance(value, str):
        return {"S": value}
    raise TypeError(
        f"a {type(value).__name__} is not a single value: name its field in the codec's parts"
    )


def as_json(value: object) -> UniversalAttributeValueTypeDef:
    """Return a value with parts of its own as an attribute."""
    return {"S": json.dumps(value, separators=(",", ":"))}


def _parse(attribute: Mapping[str, Any], *, as_part: bool) -> Any:
    (value,) = attribute.values()
    return json.loads(value) if as_part else value


def text(row: Mapping[str, Any], name: str) -> str:
    """Return an attribute that is a word."""
    return row[name]["S"]


def timestamp(at: dt.datetime) -> str:
    """Return a time in UTC as text of fixed width: it sorts as the time does."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def epoch_s(at: dt.datetime) -> int:
    """Return a time in whole seconds, as the attribute `ttl` wants it."""
    return int(at.timestamp())


def digest(text: str) -> str:
    """Return the SHA-256 of a text that must not or cannot stand in a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# ---------------------------------------------------------------- keys


def key(pk: str, sk: str) -> Row:
    """Return a primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def job_pk(job_id: str) -> str:
    """Return the partition of everything that belongs to a job."""
    return f"JOB#{job_id}"


def job_key(job_id: str) -> Row:
    """Return the key of a job's row."""
    return key(job_pk(job_id), JOB_ROW)


def attempt_key(job_id: str, number: int) -> Row:
    """Return the key of an attempt's row."""
    return key(job_pk(job_id), f"{FIRST_ATTEMPT}{number:02d}")


def event_sk(seq: int) -> str:
    """Return the sort key of a job's event number `seq`."""
    return f"LOG#{seq:06d}"


def asset_key(asset_id: str) -> Row:
    """Return the key of an asset's row."""
    return key(f"AST#{asset_id}", "AST")


def jobs_due_pk(shard: int) -> str:
    """Return a partition of the index `due` that holds jobs."""
    return f"DUE#{shard}"


def outbox_pk(shard: int) -> str:
    """Return a partition of the index `due` that holds unpublished events."""
    return f"OUT#{shard}"


def tenant_pk(tenant: str) -> str:
    """Return the partition of the index `by_tenant` that holds a tenant's jobs."""
    return f"TEN#{tenant}"


def _shard(job_id: str) -> int:
    return zlib.crc32(job_id.encode()) % SHARDS


# ---------------------------------------------------------------- rows


def job_row(job: Job) -> Row:
    """Return a job's row. Without `due_at` it is not in the index `due`."""
    row = job_key(job.job_id) | JOBS.encode(job) | {"tenant_pk": {"S": tenant_pk(job.tenant)}}
    if job.due_at is not None:
        row["due_pk"] = {"S": jobs_due_pk(_shard(job.job_id))}
    return row


def attempt_row(attempt: Attempt) -> Row:
    """Return an attempt's row."""
    return attempt_key(attempt.job_id, attempt.number) | ATTEMPTS.encode(attempt)


def event_row(event: Event) -> Row:
    """Return an event's row; one that is to be published is in the outbox."""
    row = key(job_pk(event.job_id), event_sk(event.seq)) | EVENTS.encode(event)
    if event.type in PUBLISHED:
        row["outbox"] = {"N": "1"}
        row["due_pk"] = {"S": outbox_pk(_shard(event.job_id))}
        row["due_at"] = {"S": timestamp(event.at)}
    return row


def asset_row(asset: Asset) -> Row:
    """Return an asset's row."""
    return asset_key(asset.asset_id) | ASSETS.encode(asset)


def delivery_row(delivery: Delivery) -> Row:
    """Return a row of the delivery log."""
    sk = f"OUT#{delivery.event_id}#{delivery.sink}#{delivery.attempt:02d}"
    return key(job_pk(delivery.job_id), sk) | DELIVERIES.encode(delivery)


def idempotency_key(tenant: str, word: str) -> Row:
    """Return the key of the record of a tenant's idempotency key."""
    return key(f"IDEM#{tenant}#{digest(word)}", "IDEM")


def past_ttl(row: Mapping[str, Any], now: dt.datetime) -> bool:
    """Tell whether a row counts as gone: TTL deletes late."""
    return int(row["ttl"]["N"]) <= epoch_s(now)


def idempotency_row(creation: Creation) -> Row:
    """Return the record that answers a replay of a creating request."""
    job = creation.job
    return idempotency_key(job.tenant, creation.idempotency_key) | {
        "job_id": {"S": job.job_id},
        "body_sha256": {"S": creation.body_sha256},
        "answer": {"S": creation.answer},
        "ttl": {"N": str(epoch_s(job.created_at + IDEMPOTENCY_KEPT))},
    }


def replay(row: Mapping[str, Any]) -> Replay:
    """Return what an idempotency row tells."""
    return Replay(
        job_id=text(row, "job_id"),
        body_sha256=text(row, "body_sha256"),
        answer=text(row, "answer"),
    )
