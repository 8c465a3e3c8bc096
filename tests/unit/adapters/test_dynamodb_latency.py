"""Learned durations on DynamoDB."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from botocore.stub import Stubber

from dailies.adapters.dynamodb_latency import (
    BUCKETS,
    DynamoDbLatency,
    bucket_of,
    quantile_s,
)
from dailies.domain.errors import StorageError
from tests.unit.adapters.clocks import StillClock
from tests.unit.adapters.conftest import TABLE, client

KEY = "kling/v3#720p#5"
WEEK_S = 7 * 86400


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def stats(dynamodb: Any, clock: StillClock) -> DynamoDbLatency:
    return DynamoDbLatency(TABLE, dynamodb, clock)


def record(stats: DynamoDbLatency, count: int, seconds: float) -> None:
    for _ in range(count):
        stats.record(KEY, seconds)


def test_q02_is_unknown_when_there_are_fewer_than_30_samples(stats: DynamoDbLatency) -> None:
    assert stats.q02(KEY) is None
    record(stats, 29, 80)
    assert stats.q02(KEY) is None
    record(stats, 1, 80)
    assert stats.q02(KEY) == pytest.approx(80, rel=0.25)


def test_q02_is_of_its_own_key_when_there_are_others(stats: DynamoDbLatency) -> None:
    record(stats, 30, 80)
    assert stats.q02("another") is None


def test_q02_adds_up_two_weeks_when_the_week_changes(
    stats: DynamoDbLatency, clock: StillClock
) -> None:
    record(stats, 15, 80)
    clock.elapsed_s += WEEK_S
    record(stats, 15, 80)
    assert stats.q02(KEY) is not None


def test_q02_forgets_the_week_before_last_when_nothing_or_little_came_since(
    stats: DynamoDbLatency, clock: StillClock
) -> None:
    record(stats, 30, 80)
    clock.elapsed_s += 2 * WEEK_S
    assert stats.q02(KEY) is None
    record(stats, 29, 20)  # in the row of the week before last, begun anew
    assert stats.q02(KEY) is None
    record(stats, 1, 20)
    assert stats.q02(KEY) == pytest.approx(20, rel=0.25)


def test_rows_expire_when_nothing_comes_any_more(
    dynamodb: Any, stats: DynamoDbLatency, clock: StillClock
) -> None:
    record(stats, 1, 80)
    (row,) = dynamodb.scan(TableName=TABLE)["Items"]
    assert int(row["ttl"]["N"]) > clock.now().timestamp() + 2 * WEEK_S


def test_quantile_is_near_the_true_one_when_durations_are_lognormal() -> None:
    chance = random.Random(7)
    samples = sorted(chance.lognormvariate(math.log(85), 0.35) for _ in range(5000))
    counts = [0] * BUCKETS
    for sample in samples:
        counts[bucket_of(sample)] += 1
    assert quantile_s(counts) == pytest.approx(samples[100], rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (4.99, 0), (5.0, 1), (1799.0, 30), (1801.0, 31), (1e9, 31)],
)
def test_bucket_is_an_outer_one_when_the_duration_is_beyond_the_scale(
    seconds: float, bucket: int
) -> None:
    assert bucket_of(seconds) == bucket


def test_quantile_stays_within_its_bucket_when_all_are_alike() -> None:
    for seconds in (3.0, 42.0, 3000.0):
        counts = [0] * BUCKETS
        counts[bucket_of(seconds)] = 50
        assert bucket_of(quantile_s(counts)) == bucket_of(seconds)


def test_record_is_worth_a_retry_when_others_keep_changing_the_row(clock: StillClock) -> None:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        for method in ("update_item", "put_item") * 2:
            stub.add_client_error(method, "ConditionalCheckFailedException")
        with pytest.raises(StorageError):
            DynamoDbLatency(TABLE, dynamodb, clock).record(KEY, 80)


def test_record_counts_when_another_begins_the_week_first(clock: StillClock) -> None:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        stub.add_client_error("update_item", "ConditionalCheckFailedException")
        stub.add_client_error("put_item", "ConditionalCheckFailedException")
        stub.add_response("update_item", {})
        DynamoDbLatency(TABLE, dynamodb, clock).record(KEY, 80)
        stub.assert_no_pending_responses()
