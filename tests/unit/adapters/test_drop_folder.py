"""The drop folder's adapters on moto: S3 with versions, the table, the queue, tenants."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from dailies.adapters.dynamodb_arrivals import DynamoDbArrivals
from dailies.adapters.dynamodb_keys import DynamoDbKeys
from dailies.adapters.s3_drop_folder import S3DropFolder
from dailies.adapters.sqs_later import SqsLater
from dailies.domain.access import ApiKey
from dailies.domain.arrivals import (
    Arrival,
    Arrivals,
    ArrivalState,
    Cap,
    CapShare,
    InputObject,
    ListingPass,
    SpendCapError,
    UnreadableError,
)
from dailies.domain.catalogue import Mode
from dailies.domain.errors import ConflictError
from dailies.domain.jobs import JobRequest
from tests.fakes.inbox import InMemoryArrivals
from tests.unit.adapters.conftest import TABLE

NOW = dt.datetime(2026, 11, 20, 12, 0, 0, 250, tzinfo=dt.UTC)
BUCKET = "media"
ROOT, SUB = "inbox/acme/", "inbox/acme/a/"
JOB = "job_01K3Z5N8Q4T7W2X9Y6V1B0C3D5"
ARRIVAL = Arrival(
    tenant="acme",
    key=f"{SUB}é+ b.png",
    version_id="v1",
    state=ArrivalState.WAITING,
    seen_at=NOW,
    due_at=NOW + dt.timedelta(seconds=10),
)
BEGUN = ARRIVAL.model_copy(
    update={
        "state": ArrivalState.STARTING,
        "job_id": JOB,
        "request": JobRequest(kind=Mode.TEXT_TO_VIDEO, model="kling/kling-3.0", prompt="A heron"),
        "inputs": [
            InputObject(
                key=ARRIVAL.key,
                version_id="v1",
                asset_id="ast_01K3Z5N8Q4T7W2X9Y6V1B0C3D5",
                content_type="image/png",
                size_bytes=7,
                modified_at=NOW,
            )
        ],
        "estimate_usd": Decimal("0.56"),
        "shares": [CapShare(folder=f, day="2026-11-20") for f in (ROOT, SUB)],
    }
)


@pytest.fixture(params=["dynamodb", "memory"])
def arrivals(request: pytest.FixtureRequest, dynamodb: Any) -> Arrivals:
    """Both ledgers of arrivals: what the fake promises, the table keeps."""
    if request.param == "memory":
        return InMemoryArrivals()
    return DynamoDbArrivals(TABLE, dynamodb)


def caps(*usd: str) -> list[Cap]:
    return [Cap(f, Decimal(u)) for f, u in zip((ROOT, SUB), usd, strict=True)]


def test_arrival_is_read_as_it_was_written_when_it_has_everything(arrivals: Arrivals) -> None:
    written = arrivals.begin(BEGUN, caps("10", "10"))

    assert written == BEGUN.model_copy(update={"rev": 1})
    assert arrivals.find(BEGUN.key, "v1") == written
    assert arrivals.find(BEGUN.key, "v2") is None
    assert arrivals.of_job(JOB) == written
    assert arrivals.of_job(JOB.replace("D5", "D6")) is None


def test_second_write_is_refused_when_it_knows_not_the_first(arrivals: Arrivals) -> None:
    first = arrivals.write(ARRIVAL)
    for write in (arrivals.write, arrivals.give_back):
        with pytest.raises(ConflictError):
            write(ARRIVAL)
    with pytest.raises(ConflictError):
        arrivals.begin(BEGUN, caps("10", "10"))

    assert arrivals.write(first).rev == 2


def test_nothing_is_counted_when_one_cap_is_too_low(arrivals: Arrivals) -> None:
    with pytest.raises(SpendCapError) as refused:
        arrivals.begin(BEGUN, caps("10", "0.55"))
    assert refused.value.folder == SUB
    assert arrivals.find(BEGUN.key, "v1") is None

    first = arrivals.begin(BEGUN, caps("0.56", "1"))
    other = BEGUN.model_copy(update={"version_id": "v2"})
    with pytest.raises(SpendCapError) as refused:
        arrivals.begin(other, caps("1.11", "10"))
    assert refused.value.folder == ROOT

    assert arrivals.give_back(first).shares == []
    with pytest.raises(ConflictError):
        arrivals.give_back(first)
    arrivals.begin(other, caps("0.56", "0.56"))


def test_arrivals_are_due_in_order_when_their_time_has_come(arrivals: Arrivals) -> None:
    seconds = [30, 10, 20, 90]
    for n in seconds:
        due_at = NOW + dt.timedelta(seconds=n)
        arrivals.write(ARRIVAL.model_copy(update={"version_id": f"v{n}", "due_at": due_at}))
    settled = {"version_id": "settled", "due_at": None, "state": ArrivalState.NOTED}
    arrivals.write(ARRIVAL.model_copy(update=settled))

    due = arrivals.due(NOW + dt.timedelta(seconds=60), limit=10)
    assert [one.version_id for one in due] == ["v10", "v20", "v30"]


def test_walk_is_remembered_when_it_is_saved(arrivals: Arrivals) -> None:
    assert arrivals.listing_pass() is None
    listing = ListingPass(started_at=NOW, since=NOW, key_marker="inbox/a", version_marker="v")
    arrivals.save_pass(listing)
    assert arrivals.listing_pass() == listing
    done = ListingPass(started_at=NOW, since=NOW, done=True)
    arrivals.save_pass(done)

    assert arrivals.listing_pass() == done


def test_rows_are_no_jobs_and_leave_by_themselves_when_they_are_old(dynamodb: Any) -> None:
    DynamoDbArrivals(TABLE, dynamodb).begin(BEGUN, caps("10", "10"))

    items = dynamodb.scan(TableName=TABLE)["Items"]
    assert len(items) == 4
    for item in items:
        assert "ttl" in item
        assert "outbox" not in item
        assert "tenant_pk" not in item
        assert not item["pk"]["S"].startswith("JOB#")


def test_tenant_exists_when_it_has_a_key_that_is_not_revoked(dynamodb: Any) -> None:
    keys = DynamoDbKeys(TABLE, dynamodb)
    key = ApiKey(key_sha256="ab" * 32, tenant="acme", name="web", created_at=NOW)
    assert not keys.exists("acme")
    keys.put(key)
    assert keys.exists("acme")
    assert not keys.exists("acm")
    keys.put(key.model_copy(update={"revoked_at": NOW}))

    assert not keys.exists("acme")


@pytest.fixture
def s3(aws: Callable[[str], Any]) -> Any:
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return s3


@pytest.fixture
def folder(s3: Any) -> S3DropFolder:
    return S3DropFolder(s3, BUCKET, part_bytes=5 * 1024**2)


KEYS = [f"{ROOT}a b+c%20d é?x=1&versionId=7.png", f"{ROOT}plain.png"]


@pytest.mark.parametrize("key", KEYS)
def test_each_version_is_read_and_copied_as_itself_when_there_are_two(
    s3: Any, folder: S3DropFolder, key: str
) -> None:
    first = s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=BUCKET, Key=key, Body=b"second")["VersionId"]

    newest, older = folder.head(key), folder.head(key, first)
    assert newest is not None and older is not None
    assert (newest.version_id, older.size_bytes) == (second, 5)
    assert folder.read(older, limit=3) == b"fir"
    assert folder.read(newest, limit=100) == b"second"
    folder.copy(key, "uploads/x", version_id=first, content_type="image/png")
    copied = s3.get_object(Bucket=BUCKET, Key="uploads/x")
    assert (copied["Body"].read(), copied["ContentType"]) == (b"first", "image/png")


def test_object_is_copied_in_parts_when_it_is_large(s3: Any, folder: S3DropFolder) -> None:
    body = bytes(range(256)) * 46_000
    s3.put_object(Bucket=BUCKET, Key=KEYS[0], Body=body, Metadata={"x": "y"})
    folder.copy(KEYS[0], "outbox/big.mp4", version_id=None, content_type="video/mp4")

    copied = s3.get_object(Bucket=BUCKET, Key="outbox/big.mp4")
    assert copied["Body"].read() == body
    assert (copied["ContentType"], copied["Metadata"]) == ("video/mp4", {})
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_missing_object_is_none_or_unreadable_when_it_is_asked_for(
    s3: Any, folder: S3DropFolder
) -> None:
    key = KEYS[1]
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    found = folder.head(key)
    assert found is not None
    marker = s3.delete_object(Bucket=BUCKET, Key=key)["VersionId"]

    assert folder.head(key) is None
    assert folder.head(key, marker) is None
    assert folder.head(key, found.version_id) == found
    s3.delete_object(Bucket=BUCKET, Key=key, VersionId=found.version_id)
    with pytest.raises(UnreadableError):
        folder.read(found, limit=1)
    with pytest.raises(UnreadableError):
        folder.copy(key, "uploads/x", version_id=found.version_id, content_type="image/png")


def test_archived_object_is_there_but_unreadable_when_it_is_looked_at(
    s3: Any, folder: S3DropFolder
) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEYS[1], Body=b"x", StorageClass="GLACIER")

    found = folder.head(KEYS[1])
    assert found is not None
    assert not found.readable


def test_walk_sees_the_inboxs_versions_page_by_page_when_it_lists(
    s3: Any, folder: S3DropFolder
) -> None:
    for n in range(3):
        s3.put_object(Bucket=BUCKET, Key=f"{ROOT}{n}.txt", Body=b"a")
        s3.put_object(Bucket=BUCKET, Key=f"{ROOT}{n}.txt", Body=b"bc")
    s3.put_object(Bucket=BUCKET, Key="outbox/acme/x", Body=b"a")
    s3.delete_object(Bucket=BUCKET, Key=f"{ROOT}0.txt")

    page, following = folder.versions(None, None)
    assert following is None
    assert sorted((one.key[-5:], one.size_bytes) for one in page) == [
        (f"{n}.txt", size) for n in range(3) for size in (1, 2)
    ]
    assert len({one.version_id for one in page}) == 6
    first = min(one.key for one in page)
    rest, _ = folder.versions(first, max(one.version_id for one in page if one.key == first))
    assert {one.key for one in rest} >= {f"{ROOT}1.txt", f"{ROOT}2.txt"}


def test_message_says_what_s3s_would_when_an_object_is_to_be_looked_at_again(
    aws: Callable[[str], Any],
) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    SqsLater(sqs, url).again(ARRIVAL, after_s=0)

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    body = json.loads(message["Body"])
    assert body["detail"]["object"] == {"key": ARRIVAL.key, "version-id": "v1"}
    assert dt.datetime.fromisoformat(body["time"]) == NOW.replace(microsecond=0)
