"""Workers come and go while they work: another one goes on, and nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from local.twin.worker import WorkerProcess
from tests.e2e.clips import clip, look, upload
from tests.e2e.crew import Crew, until
from tests.e2e.test_least_privilege import denied

CHUNK_S, CHUNKS = 0.25, 16
SIZE, FRAMES = (160, 90), 96


@pytest.fixture(scope="module")
def source(crew: Crew) -> str:
    return upload(crew, clip(*SIZE, frames=FRAMES))


@pytest.fixture(scope="module", autouse=True)
def nobody(crew: Crew) -> Iterator[None]:
    """The twin's own worker rests meanwhile."""
    crew.twin.worker.__exit__(None, None, None)
    yield
    crew.twin.worker.__enter__()


@dataclass(frozen=True)
class Task:
    """A job's first try, queued and not begun."""

    crew: Crew
    job_id: str
    task_id: str
    prefix: str

    def row(self, task_id: str = "") -> dict[str, Any]:
        return _row(self.crew, task_id or self.task_id)

    def chunks(self) -> int:
        """Return how many chunks are done."""
        found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=f"{self.prefix}chunks/")
        return sum(one["Key"].endswith(".json") for one in found.get("Contents", []))

    def report(self) -> dict[str, Any]:
        key = f"{self.prefix}report.json"
        return json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())

    def cut(self) -> None:
        """Have it done in many chunks; a clip as short as this would be one."""
        key = f"{self.prefix}spec.json"
        spec = json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        text = json.dumps(spec | {"chunk_s": CHUNK_S})
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode())

    @property
    def _s3(self) -> Any:
        return self.crew.twin.emulator.client("s3")

    @property
    def _bucket(self) -> str:
        return self.crew.twin.outputs["MediaBucketName"]


def _row(crew: Crew, task_id: str) -> dict[str, Any]:
    dynamodb = crew.twin.emulator.client("dynamodb")
    key = {"pk": {"S": f"WORK#{task_id}"}, "sk": {"S": "WORK"}}
    found = dynamodb.get_item(TableName=crew.twin.outputs["TableName"], Key=key).get("Item", {})
    return {name: next(iter(value.values())) for name, value in found.items()}


def queued(crew: Crew, source: str) -> Task:
    """Create a job, and return its task once it waits for a worker."""
    job_id = crew.api.create_job({"kind": "enhance", "video": {"asset_id": source}})
    task_id = f"enh_{job_id.removeprefix('job_')}-1"
    row = until(lambda: _row(crew, task_id), bool)
    task = Task(crew, job_id, task_id, row["prefix"])
    task.cut()
    return task


@contextmanager
def worker(crew: Crew, name: str) -> Iterator[WorkerProcess]:
    log = crew.twin.folder / f"worker-{name}.log"
    log.unlink(missing_ok=True)
    with crew.twin.new_worker(log.name) as started:
        yield started


def said(one: WorkerProcess) -> str:
    return one.log_path.read_text("utf-8")


def waiting(crew: Crew) -> int:
    """Return how many messages the queue holds, hidden ones too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = crew.twin.outputs["WorkerQueueUrl"]
    sqs = crew.twin.emulator.client("sqs")
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(count) for count in answer["Attributes"].values())


def test_others_go_on_at_the_next_chunk_when_workers_stop_and_die(crew: Crew, source: str) -> None:
    task = queued(crew, source)
    with ExitStack() as stack:
        first = stack.enter_context(worker(crew, "stops"))
        assert until(task.chunks, lambda n: n >= 2) >= 2
        first.__exit__(None, None, None)  # SIGTERM
        assert "given back" in said(first)

        second = stack.enter_context(worker(crew, "dies"))
        after_first = task.chunks()
        assert until(task.chunks, lambda n: n >= after_first + 2) >= after_first + 2
        second.kill()
        done = task.chunks()

        stack.enter_context(worker(crew, "finishes"))
        job = crew.api.await_end(task.job_id, 90)

    assert job["state"] == "succeeded", job["error"]
    report = task.report()["chunks"]
    assert (report["total"], report["done"]) == (CHUNKS, CHUNKS)
    assert done <= report["reused"] < CHUNKS
    assert task.row()["claims"] == "3"
    made = look(crew.api.download(job["outputs"][0]["asset_id"]))
    assert (made.size, made.frames) == ((320, 180), FRAMES)
    assert until(lambda: waiting(crew), lambda n: n == 0) == 0


def test_one_of_two_works_when_both_have_its_message(crew: Crew, source: str) -> None:
    task = queued(crew, source)
    url = crew.twin.outputs["WorkerQueueUrl"]
    crew.twin.emulator.client("sqs").send_message(QueueUrl=url, MessageBody=task.task_id)

    with worker(crew, "left") as left, worker(crew, "right") as right:
        job = crew.api.await_end(task.job_id, 90)
        assert until(lambda: waiting(crew), lambda n: n == 0) == 0
        assert left.running and right.running

    assert job["state"] == "succeeded", job["error"]
    assert task.row()["claims"] == "1"
    begun = [f"{task.task_id}: begun" in said(one) for one in (left, right)]
    assert sorted(begun) == [False, True]


def test_worker_drops_the_task_when_its_job_is_canceled(crew: Crew, source: str) -> None:
    task = queued(crew, source)
    with worker(crew, "dropping") as dropping:
        assert until(task.chunks, lambda n: n >= 1) >= 1
        crew.api.http.post(f"/v1/jobs/{task.job_id}/cancel").raise_for_status()
        job = crew.api.await_end(task.job_id, 60)
        assert until(lambda: waiting(crew), lambda n: n == 0) == 0
        assert dropping.running

    assert job["state"] == "canceled"
    assert task.chunks() < CHUNKS
    assert "no longer ours" in said(dropping)
    states = crew.twin.emulator.client("stepfunctions")
    machine = crew.twin.outputs["EnhanceStateMachineArn"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{task.task_id}"
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_next_try_succeeds_when_the_first_became_a_dead_letter(crew: Crew, source: str) -> None:
    task = queued(crew, source)
    sqs, url = crew.twin.emulator.client("sqs"), crew.twin.outputs["WorkerQueueUrl"]

    def state_once_received() -> str:
        sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=1)
        return str(task.row()["state"])

    # A poll of the worker that has stopped may take the message once, and hide it for a lease.
    assert until(state_once_received, lambda state: state == "lost", 60) == "lost"

    second = f"{task.task_id[:-1]}2"
    assert until(lambda: _row(crew, second), bool)
    with worker(crew, "second"):
        job = crew.api.await_end(task.job_id, 90)

    assert job["state"] == "succeeded", job["error"]
    assert [one["state"] for one in job["enhancement"]["tries"]] == ["lost", "succeeded"]
    assert task.row()["state"] == "lost"


class Stranger:
    """Somebody with a worker's credentials."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._environment = crew.twin.worker_environment

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._crew.twin.emulator.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=self._environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def lease(self, task: Task, action: str = "claim", **more: Any) -> dict[str, Any]:
        """Ask LeaseTask; returns its answer, or the error that it ends with."""
        asked = {"task_id": task.task_id, "worker": "stranger", "action": action} | more
        answer = self.client("lambda").invoke(
            FunctionName=self._crew.twin.outputs["LeaseTaskArn"], Payload=json.dumps(asked)
        )
        return json.loads(answer["Payload"].read())


def test_workers_credentials_reach_no_data(crew: Crew) -> None:
    stranger, outputs = Stranger(crew), crew.twin.outputs
    s3, bucket = stranger.client("s3"), outputs["MediaBucketName"]
    dynamodb, table = stranger.client("dynamodb"), outputs["TableName"]
    sqs, url = stranger.client("sqs"), outputs["WorkerQueueUrl"]
    functions = crew.twin.emulator.client("lambda").list_functions()["Functions"]
    (settle,) = (f["FunctionName"] for f in functions if f["Handler"].endswith(".settle.handler"))

    assert denied(lambda: s3.list_objects_v2(Bucket=bucket))
    assert denied(lambda: s3.get_object(Bucket=bucket, Key="outputs/x.mp4"))
    assert denied(lambda: s3.put_object(Bucket=bucket, Key="outputs/x.mp4", Body=b"x"))
    assert denied(lambda: dynamodb.get_item(TableName=table, Key={"pk": {"S": "a"}}))
    assert denied(lambda: sqs.send_message(QueueUrl=url, MessageBody="x"))
    assert denied(lambda: sqs.purge_queue(QueueUrl=url))
    assert denied(lambda: stranger.client("lambda").invoke(FunctionName=settle))
    assert denied(
        lambda: stranger.client("stepfunctions").send_task_success(taskToken="t", output="{}")
    )
    assert denied(lambda: stranger.client("secretsmanager").list_secrets())


def test_urls_open_the_tasks_own_objects_alone(crew: Crew, source: str) -> None:
    task, stranger = queued(crew, source), Stranger(crew)
    chunk = f"chunks/{'0' * 64}.mkv"
    with closing(httpx.Client(trust_env=False)) as web:
        leased = stranger.lease(task, get=["source"], put=[chunk])
        put = leased["put"][chunk]

        assert web.get(leased["get"]["source"]).status_code == 200
        assert web.put(leased["get"]["source"], content=b"x").status_code == 403
        assert web.get(put).status_code == 403
        assert web.put(put.replace("0" * 64, "1" * 64), content=b"x").status_code == 403
        assert web.put(put, content=b"x").status_code == 403, "it may only add"
        once = {"If-None-Match": "*"}
        assert web.put(put, content=b"x", headers=once).status_code == 200
        assert web.put(put, content=b"y", headers=once).status_code == 412

    assert stranger.lease(task, "renew", put=["spec.json"])["errorType"] == "Permanent"
    assert stranger.lease(task, "renew", get=["../x"])["errorType"] == "Permanent"
    crew.api.http.post(f"/v1/jobs/{task.job_id}/cancel").raise_for_status()
    assert stranger.lease(task, "renew")["state"] == "gone"
    assert crew.api.await_end(task.job_id, 60)["state"] == "canceled"
    crew.twin.emulator.client("sqs").purge_queue(QueueUrl=crew.twin.outputs["WorkerQueueUrl"])
