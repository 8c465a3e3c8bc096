"""The ledger's transactions as lists of items: what is written, and on which conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dailies.adapters import dynamodb_rows as rows
from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Change, Creation
from dailies.domain.jobs import Job

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

    from dailies.adapters.dynamodb_rows import Row

FIRST_ASSET_CHECK = 3
"""Where in a creation's transaction the checks of its assets begin."""
_NEW = "attribute_not_exists(pk)"
_EXISTS = "attribute_exists(pk)"
_NOT_BY_CHANGES = frozenset({"signal_seq", "token"})
"""Signals and waits write these on their own: a step must neither lose nor be stopped by them."""


def creation_items(table: str, creation: Creation) -> list[TransactWriteItemTypeDef]:
    """Return the transaction that creates a job.

    The idempotency row comes first, then the job, its event, and a check of each asset it needs.
    """
    tenant = rows.as_attribute(creation.job.tenant)
    items: list[TransactWriteItemTypeDef] = [
        _new_idempotency_row(table, creation),
        _put(table, rows.job_row(creation.job), only_new=True),
        _put(table, rows.event_row(creation.event), only_new=True),
    ]
    for asset_id in needed_assets(creation):
        items.append(
            {
                "ConditionCheck": {
                    "TableName": table,
                    "Key": rows.asset_key(asset_id),
                    "ConditionExpression": f"{_EXISTS} AND #tenant = :tenant",
                    "ExpressionAttributeNames": {"#tenant": "tenant"},
                    "ExpressionAttributeValues": {":tenant": tenant},
                }
            }
        )
    return items


def needed_assets(creation: Creation) -> tuple[str, ...]:
    """Return the assets that a creation checks: a transaction may name each row only once."""
    return tuple(dict.fromkeys(creation.needs_assets))


def change_items(table: str, change: Change) -> list[TransactWriteItemTypeDef]:
    """Return the transaction of a change: job, attempt, events and assets."""
    items: list[TransactWriteItemTypeDef] = [{"Update": _job_update(table, change)}]
    if change.attempt is not None:
        items.append(_attempt_item(table, change.attempt, change.attempt_was))
    items.extend(_put(table, rows.event_row(event), only_new=True) for event in change.events)
    items.extend(_put(table, rows.asset_row(asset)) for asset in change.assets)
    return items


def signal_items(
    table: str, job_id: str, attempt: int, limit: int
) -> list[TransactWriteItemTypeDef]:
    """Return the transaction that counts a signal, if the attempt's limit allows one more."""
    counted: UpdateTypeDef = {
        "TableName": table,
        "Key": rows.attempt_key(job_id, attempt),
        "UpdateExpression": "ADD signals :one",
        "ConditionExpression": f"{_EXISTS} AND (attribute_not_exists(signals) OR signals < :limit)",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":limit": {"N": str(limit)}},
    }
    bumped: UpdateTypeDef = {
        "TableName": table,
        "Key": rows.job_key(job_id),
        "UpdateExpression": "ADD signal_seq :one",
        "ConditionExpression": _EXISTS,
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return [{"Update": counted}, {"Update": bumped}]


def _put(table: str, row: Row, *, only_new: bool = False) -> TransactWriteItemTypeDef:
    if only_new:
        return {"Put": {"TableName": table, "Item": row, "ConditionExpression": _NEW}}
    return {"Put": {"TableName": table, "Item": row}}


def _new_idempotency_row(table: str, creation: Creation) -> TransactWriteItemTypeDef:
    """Return the write that fails, and shows the earlier row, where the key was used before.

    TTL deletes late; a row past it counts as gone.
    """
    return {
        "Put": {
            "TableName": table,
            "Item": rows.idempotency_row(creation),
            "ConditionExpression": f"{_NEW} OR #ttl <= :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {
                ":now": {"N": str(rows.epoch_s(creation.job.created_at))}
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _job_update(table: str, change: Change) -> UpdateTypeDef:
    """Return the write of exactly those fields of the job that the change changes."""
    assign, remove = _difference(change.before, change.after)
    states = {f":in{n}": rows.as_attribute(state) for n, state in enumerate(sorted(change.states))}
    update = _update(table, rows.job_key(change.before.job_id), assign, remove)
    update["ConditionExpression"] = (
        f"#run = :was_run AND #event_seq = :was_event_seq AND #state IN ({', '.join(states)})"
    )
    update["ExpressionAttributeNames"] = {
        **update.get("ExpressionAttributeNames", {}),
        **{"#run": "run", "#event_seq": "event_seq", "#state": "state"},
    }
    update["ExpressionAttributeValues"] = {
        **update.get("ExpressionAttributeValues", {}),
        **states,
        ":was_run": rows.as_attribute(change.before.run),
        ":was_event_seq": rows.as_attribute(change.before.event_seq),
    }
    return update


def _difference(before: Job, after: Job) -> tuple[Row, set[str]]:
    old, new = rows.job_row(before), rows.job_row(after)
    assign = {
        name: value
        for name, value in new.items()
        if old.get(name) != value and name not in _NOT_BY_CHANGES
    }
    # Written even when equal: an update must write something, and the index's two attributes must
    # stand or fall together, whatever a concurrent write that told no event did to one of them.
    assign["updated_at"] = new["updated_at"]
    if "due_at" in assign:
        assign["due_pk"] = new["due_pk"]
    return assign, (set(old) - set(new)) - _NOT_BY_CHANGES


def _attempt_item(
    table: str, attempt: Attempt, was: AttemptState | None
) -> TransactWriteItemTypeDef:
    """Return the write of an attempt. An existing row is updated: its count of signals stays."""
    row = rows.attempt_row(attempt)
    if was is None:
        return _put(table, row, only_new=True)
    key = rows.attempt_key(attempt.job_id, attempt.number)
    assign = {name: value for name, value in row.items() if name not in key}
    update = _update(table, key, assign, set(Attempt.model_fields) - set(assign))
    update["ConditionExpression"] = "#state = :was_state"
    update["ExpressionAttributeValues"] = {
        **update.get("ExpressionAttributeValues", {}),
        ":was_state": rows.as_attribute(was),
    }
    return {"Update": update}


def _update(
    table: str, key: Row, assign: Mapping[str, Any], remove: Iterable[str]
) -> UpdateTypeDef:
    """Return an update of single attributes, by placeholders: many are reserved words."""
    removed = sorted(remove)
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sorted(assign))
    if removed:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    return {
        "TableName": table,
        "Key": key,
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in [*assign, *removed]},
        "ExpressionAttributeValues": {f":{name}": value for name, value in assign.items()},
    }
