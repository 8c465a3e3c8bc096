"""Bring back what was lost: `python -m tools.restore --stage prod --at 2026-11-20T12:00:00+00:00`.

1. The table as it was is restored beside the live one, from point-in-time recovery or a backup.
2. Rows that the live table lacks are copied back. Rows that it has are left alone: they are newer.
3. Objects that were deleted since are uncovered again, where the bucket keeps versions.
4. The restored table is deleted.

`--drill` does 1 and 4 for real and only counts for 2 and 3, so that it can run against production.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from dailies.adapters.aws_clients import client
from infra.stage import STAGE_NAMES
from tools.deploy.errors import DeployError, explain
from tools.deploy.stacks import Clients, find_stack, stack_names

_WAIT = {"Delay": 20, "MaxAttempts": 720}
"""Four hours: a restore takes from minutes to hours, whatever the size."""


@dataclass(frozen=True)
class Source:
    """What to restore from: a moment, or a backup."""

    at: dt.datetime
    backup_arn: str | None = None
    """Rows come from this backup; `at` then says since when objects are uncovered."""

    table: str | None = None
    """Rows come from this table, which was restored before and stays."""


@dataclass
class Restored:
    """What a restore did, or in a drill would have done."""

    rows_in_copy: int = 0
    rows_missing: int = 0
    objects_covered: int = 0
    seconds: float = 0.0
    """From the order to the last row."""


class Restore:
    """Brings back rows and objects of one stage."""

    def __init__(
        self,
        stage: str,
        clients: Clients,
        *,
        wait: dict[str, int] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Find the stage's table and bucket.

        Raises:
            DeployError: the stage has no data stack here.
        """
        name = stack_names(stage)[0]
        stack = find_stack(clients, name)
        if stack is None:
            raise DeployError(f"There is no stack {name} in this account and region.")
        self._table = stack.outputs["TableName"]
        self._bucket = stack.outputs["MediaBucketName"]
        self._dynamodb = clients("dynamodb")
        self._s3 = clients("s3")
        self._wait = wait or _WAIT
        self._now = now

    def run(self, source: Source, *, drill: bool) -> Restored:
        """Restore, and return what was done.

        Raises:
            DeployError: the copy was not made in time; it stays, to be looked at.
        """
        began, done = self._now(), Restored()
        copy = source.table or f"{self._table}-restored-{source.at:%Y%m%d%H%M%S}"
        if source.table is None:
            self._make_copy(copy, source)
        try:
            for row in self._rows(copy):
                done.rows_in_copy += 1
                done.rows_missing += self._put_back(row, drill)
        finally:
            if source.table is None:
                self._dynamodb.delete_table(TableName=copy)
        for key, version in self._covered(source.at):
            done.objects_covered += 1
            if not drill:
                self._s3.delete_object(Bucket=self._bucket, Key=key, VersionId=version)
        done.seconds = self._now() - began
        return done

    def _make_copy(self, copy: str, source: Source) -> None:
        if source.backup_arn is not None:
            self._dynamodb.restore_table_from_backup(
                TargetTableName=copy, BackupArn=source.backup_arn
            )
        else:
            self._dynamodb.restore_table_to_point_in_time(
                SourceTableName=self._table, TargetTableName=copy, RestoreDateTime=source.at
            )
        try:
            waiter = self._dynamodb.get_waiter("table_exists")
            waiter.wait(TableName=copy, WaiterConfig=self._wait)
        except WaiterError as exc:
            raise DeployError(
                f"The table {copy} is not ready yet; look at it, then delete it."
            ) from exc

    def _rows(self, table: str) -> Iterator[dict[str, Any]]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table):
            yield from page["Items"]

    def _put_back(self, row: dict[str, Any], drill: bool) -> bool:
        """Put a row back if there is none; return whether there was none."""
        if drill:
            key = {"pk": row["pk"], "sk": row["sk"]}
            return "Item" not in self._dynamodb.get_item(TableName=self._table, Key=key)
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=row, ConditionExpression="attribute_not_exists(pk)"
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _covered(self, since: dt.datetime) -> Iterator[tuple[str, str]]:
        """Yield delete markers that were put since, by key and version."""
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket):
            for marker in page.get("DeleteMarkers", []):
                if marker["IsLatest"] and marker["LastModified"] >= since:
                    yield marker["Key"], marker["VersionId"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Restore; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.restore", description="Restore a stage.")
    parser.add_argument("--stage", required=True, choices=STAGE_NAMES)
    parser.add_argument("--at", required=True, type=_moment, help="a moment with its offset")
    parser.add_argument("--from-backup", metavar="ARN", help="take the rows from this backup")
    parser.add_argument("--from-table", metavar="NAME", help="take the rows from this table")
    parser.add_argument(
        "--drill", action="store_true", help="count only; change nothing that lives"
    )
    given = parser.parse_args(arguments)
    try:
        restore = Restore(given.stage, client)
        done = restore.run(Source(given.at, given.from_backup, given.from_table), drill=given.drill)
    except (DeployError, BotoCoreError, ClientError) as exc:
        reason = str(exc) if isinstance(exc, DeployError) else explain(exc)
        print(f"\nNot restored. {reason}", file=sys.stderr)
        return 1
    verb = "would be" if given.drill else "were"
    print(f"{done.rows_in_copy} rows in the copy, {done.rows_missing} of them {verb} put back.")
    print(f"{done.objects_covered} deleted objects {verb} uncovered. {done.seconds:.0f} s in all.")
    return 0


def _moment(text: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("say the offset too: 2026-11-20T12:00:00+00:00")
    return at


if __name__ == "__main__":
    sys.exit(main())
