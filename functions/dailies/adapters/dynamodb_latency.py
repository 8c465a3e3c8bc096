"""Learned durations in the one table: `STAT#<key>`/`HIST#<0|1>`.

Each row is a histogram of one week on a logarithmic scale. Two of them take turns: the one of the
week before last is begun anew, so that what a vendor was like a month ago is forgotten. A reader
adds up this week and the last.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dailies.adapters.aws_errors import ConditionFailedError, aws_call
from dailies.adapters.dynamodb_rows import as_attribute, epoch_s, key
from dailies.domain.errors import StorageError
from dailies.domain.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from dailies.adapters.dynamodb_rows import Row

BUCKETS = 32
ENOUGH_SAMPLES = 30
_QUANTILE = 0.02
_LOW_S, _HIGH_S = 5.0, 1800.0
"""Bounds of the inner buckets; the first and the last take what is below and above."""
_STEP = math.log(_HIGH_S / _LOW_S) / (BUCKETS - 2)
_WEEK_S = 7 * 86400
_KEPT = dt.timedelta(days=21)
_SAME_WEEK = "attribute_not_exists(pk) OR #week = :week"
_OLDER_WEEK = "attribute_not_exists(pk) OR #week < :week"


class DynamoDbLatency:
    """The LatencyStats port on the table `table`."""

    def __init__(self, table: str, client: DynamoDBClient, clock: Clock) -> None:
        self._table = table
        self._client = client
        self._clock = clock

    def q02(self, key: str) -> float | None:
        """Return the learned 2nd percentile in seconds, or None before 30 samples."""
        with aws_call("read learned durations"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"STAT#{key}"}},
            )
        last_week = self._week() - 1
        counts = [0] * BUCKETS
        for row in answer["Items"]:
            if _number(row, "week") >= last_week:
                counts = [sum(pair) for pair in zip(counts, _counts(row), strict=True)]
        return quantile_s(counts) if sum(counts) >= ENOUGH_SAMPLES else None

    def record(self, key: str, seconds: float) -> None:
        """Count one finished generation."""
        # Where the count finds an older week's row, it begins a new one. Another writer may do so
        # in between: then there is a row to count in.
        for _ in range(2):
            if self._count(key, seconds, begin=False) or self._count(key, seconds, begin=True):
                return
        raise StorageError("the row of learned durations was busy")

    def _count(self, stat: str, seconds: float, *, begin: bool) -> bool:
        """Add one to the bucket, and tell whether the row was as it has to be.

        That is this week's, or with `begin` none or an older week's, which a new one replaces.
        """
        week = self._week()
        place = key(f"STAT#{stat}", f"HIST#{week % 2}")
        bucket = f"b{bucket_of(seconds):02d}"
        ttl = as_attribute(epoch_s(self._clock.now() + _KEPT))
        try:
            with aws_call("count a duration"):
                if begin:
                    row = place | {"week": as_attribute(week), "ttl": ttl, bucket: {"N": "1"}}
                    self._client.put_item(
                        TableName=self._table,
                        Item=row,
                        ConditionExpression=_OLDER_WEEK,
                        ExpressionAttributeNames={"#week": "week"},
                        ExpressionAttributeValues={":week": as_attribute(week)},
                    )
                else:
                    self._add(place, bucket, week, ttl)
        except ConditionFailedError:
            return False
        return True

    def _add(self, place: Row, bucket: str, week: int, ttl: Any) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=place,
            UpdateExpression=f"SET #week = :week, #ttl = :ttl ADD {bucket} :one",
            ConditionExpression=_SAME_WEEK,
            ExpressionAttributeNames={"#week": "week", "#ttl": "ttl"},
            ExpressionAttributeValues={
                ":week": as_attribute(week),
                ":ttl": ttl,
                ":one": {"N": "1"},
            },
        )

    def _week(self) -> int:
        return epoch_s(self._clock.now()) // _WEEK_S


def bucket_of(seconds: float) -> int:
    """Return the bucket that a duration falls into."""
    if seconds < _LOW_S:
        return 0
    return min(1 + int(math.log(seconds / _LOW_S) / _STEP), BUCKETS - 1)


def quantile_s(counts: Sequence[int]) -> float:
    """Return the 2nd percentile of a histogram in seconds.

    Within its bucket, durations are taken to be spread evenly on the logarithmic scale.
    """
    wanted, below = _QUANTILE * sum(counts), 0
    for bucket, count in enumerate(counts):
        if count and below + count >= wanted:
            part = (wanted - below) / count
            return _LOW_S * part if bucket == 0 else _LOW_S * math.exp(_STEP * (bucket - 1 + part))
        below += count
    return _HIGH_S


def _counts(row: Mapping[str, Any]) -> list[int]:
    return [_number(row, f"b{bucket:02d}") for bucket in range(BUCKETS)]


def _number(row: Mapping[str, Any], name: str) -> int:
    return int(row[name]["N"]) if name in row else 0
