"""The adapters around workers' tasks: rows, queue, tokens, objects."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from dailies.adapters.dynamodb_worker_tasks import DynamoDbWorkerTasks
from dailies.adapters.s3_task_objects import S3TaskObjects
from dailies.adapters.sqs_task_queue import SqsTaskQueue
from dailies.adapters.stepfunctions_tokens import StepFunctionsTokens
from dailies.domain.errors import AssetError, ConfigurationError, ConflictError, StorageError
from dailies.domain.worker_tasks import WorkerTask, WorkerTasks
from tests.fakes.time import EPOCH
from tests.fakes.workers import JOB, OUTPUT_KEY, PREFIX, SOURCE_KEY, TASK, WEIGHTS, MemoryTasks
from tests.unit.adapters.conftest import TABLE

Maker = Callable[[str], Any]


def task(**changed: Any) -> WorkerTask:
    given: dict[str, Any] = {
        "task_id": TASK,
        "job_id": JOB,
        "prefix": PREFIX,
        "device": "auto",
        "source_key": SOURCE_KEY,
        "output_key": OUTPUT_KEY,
        "models": {WEIGHTS: "models/acme/x.safetensors"},
        "token": "token-1",
        "queued_at": EPOCH,
    }
    return WorkerTask.model_validate(given | changed)


@pytest.fixture(params=["memory", "dynamodb"])
def tasks(request: pytest.FixtureRequest) -> WorkerTasks:
    if request.param == "memory":
        return MemoryTasks()
    return DynamoDbWorkerTasks(TABLE, request.getfixturevalue("dynamodb"))


class TestRows:
    def test_row_comes_back_as_it_was_written(self, tasks: WorkerTasks) -> None:
        leased = {"owner": "ann", "lease_until": EPOCH + dt.timedelta(minutes=1), "claims": 2}
        tasks.write(task())
        tasks.write(task(rev=1, **leased))

        assert tasks.find(TASK) == task(rev=2, **leased)
        assert tasks.find("enh_none") is None

    def test_second_writer_is_refused_when_both_read_the_same(self, tasks: WorkerTasks) -> None:
        tasks.write(task())
        with pytest.raises(ConflictError):
            tasks.write(task())
        tasks.write(task(rev=1, owner="ann"))
        with pytest.raises(ConflictError):
            tasks.write(task(rev=1, owner="bob"))

        found = tasks.find(TASK)
        assert found is not None and found.owner == "ann"

    def test_row_outlives_every_message_and_then_goes(self, dynamodb: Any) -> None:
        DynamoDbWorkerTasks(TABLE, dynamodb).write(task())

        (row,) = dynamodb.scan(TableName=TABLE)["Items"]

        kept = dt.timedelta(seconds=int(row["ttl"]["N"]) - int(EPOCH.timestamp()))
        assert kept > dt.timedelta(days=14)


def test_message_is_the_tasks_id(aws: Maker) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="tasks")["QueueUrl"]

    SqsTaskQueue(sqs, url).put(TASK)

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == TASK


class TestTokens:
    @pytest.fixture
    def states(self) -> Any:
        return boto3.client(
            "stepfunctions",
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def test_wait_ends_well_or_badly(self, states: Any) -> None:
        with Stubber(states) as stub:
            stub.add_response(
                "send_task_success", {}, {"taskToken": "t", "output": json.dumps({"v": 1})}
            )
            stub.add_response(
                "send_task_failure", {}, {"taskToken": "t", "error": "E", "cause": "because"}
            )

            StepFunctionsTokens(states).succeed("t", {"v": 1})
            StepFunctionsTokens(states).fail("t", "E", "because")

    @pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
    def test_wait_that_is_over_does_no_harm(self, states: Any, code: str) -> None:
        with Stubber(states) as stub:
            stub.add_client_error("send_task_success", code)
            stub.add_client_error("send_task_failure", code)

            StepFunctionsTokens(states).succeed("t", {})
            StepFunctionsTokens(states).fail("t", "E", "because")

    @pytest.mark.parametrize(
        ("code", "status", "error"),
        [
            ("ThrottlingException", 400, StorageError),
            ("InternalError", 500, StorageError),
            ("AccessDeniedException", 400, ConfigurationError),
        ],
    )
    def test_other_trouble_is_raised(
        self, states: Any, code: str, status: int, error: type[Exception]
    ) -> None:
        with Stubber(states) as stub:
            stub.add_client_error("send_task_success", code, http_status_code=status)

            with pytest.raises(error):
                StepFunctionsTokens(states).succeed("t", {})


class TestObjects:
    @pytest.fixture
    def s3(self, aws: Maker) -> Any:
        s3 = aws("s3")
        where = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket="media", CreateBucketConfiguration=where)
        return s3

    def test_document_is_read_or_missed(self, s3: Any) -> None:
        s3.put_object(Bucket="media", Key="a.json", Body=b'{"a": 1}')
        s3.put_object(Bucket="media", Key="b.json", Body=b"{")
        objects = S3TaskObjects(s3, "media")

        assert objects.read_json("a.json") == {"a": 1}
        assert objects.read_json("none.json") is None
        with pytest.raises(AssetError, match="not JSON"):
            objects.read_json("b.json")

    def test_document_too_large_to_be_one_is_refused(self, s3: Any) -> None:
        s3.put_object(Bucket="media", Key="a.json", Body=b'"' + b"x" * (4 << 20) + b'"')

        with pytest.raises(AssetError, match="too large"):
            S3TaskObjects(s3, "media").read_json("a.json")

    def test_trouble_is_raised_when_the_bucket_does_not_answer(self, s3: Any) -> None:
        with pytest.raises(ConfigurationError):
            S3TaskObjects(s3, "nowhere-at-all").read_json("a.json")

    @pytest.mark.parametrize(
        ("method", "once", "signed"),
        [("GET", False, "host"), ("PUT", False, "host"), ("PUT", True, "host;if-none-match")],
    )
    def test_url_is_for_one_object_and_one_method(
        self, method: Any, once: bool, signed: str
    ) -> None:
        s3 = boto3.client(
            "s3",
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(signature_version="s3v4"),
        )

        url = urlsplit(
            S3TaskObjects(s3, "media").url(method, f"{PREFIX}a b+.mkv", expires_s=900, once=once)
        )

        asked = parse_qs(url.query)
        assert url.path.endswith(f"{PREFIX}a%20b%2B.mkv")
        assert asked["X-Amz-Expires"] == ["900"]
        assert asked["X-Amz-SignedHeaders"] == [signed]
