"""The two services behind a worker, as the SDK speaks with them."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from enhance.worker.cloud import (
    Addresses,
    AwsCloud,
    CloudError,
    DeniedError,
    Message,
    RefusedError,
)
from enhance.worker.devices import best_device
from enhance.worker.stop import Stop, StoppedError
from tests.gpu.worker.cloud_double import MESSAGE

ADDRESSES = Addresses(
    "https://sqs/queue",
    "arn:aws:lambda:eu-west-1:1:function:LeaseTask:live",
    "arn:aws:lambda:eu-west-1:1:function:FinishTask:live",
)
URL = "https://bucket/key?X-Amz-Signature=s"


class Functions:
    """Lambda's client: one scripted answer."""

    def __init__(self, answer: Any, error: str = "") -> None:
        self._answer, self._error = answer, error
        self.asked: dict[str, Any] = {}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.asked = {"function": FunctionName, **json.loads(Payload)}
        if isinstance(self._answer, Exception):
            raise self._answer
        error = {"FunctionError": "Unhandled"} if self._error else {}
        body = {"errorType": self._error} if self._error else self._answer
        return {"Payload": io.BytesIO(json.dumps(body).encode()), **error}


@pytest.fixture
def sqs() -> Any:
    return boto3.client(
        "sqs", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s"
    )


def cloud(sqs: Any, functions: Any = None) -> AwsCloud:
    return AwsCloud(sqs, functions, ADDRESSES, worker="ann", device="cpu")


def test_region_is_the_functions() -> None:
    assert ADDRESSES.region == "eu-west-1"


def test_message_is_received_hidden_and_deleted(sqs: Any) -> None:
    received = {"Body": "enh_x-1", "ReceiptHandle": "r", "Attributes": {}}
    received["Attributes"] = {"ApproximateReceiveCount": "3"}
    where = {"QueueUrl": ADDRESSES.queue_url}
    with Stubber(sqs) as stub:
        stub.add_response("receive_message", {"Messages": [received]})
        stub.add_response("receive_message", {})
        stub.add_response(
            "change_message_visibility", {}, where | {"ReceiptHandle": "r", "VisibilityTimeout": 7}
        )
        stub.add_response(
            "change_message_visibility",
            {},
            where | {"ReceiptHandle": "r", "VisibilityTimeout": 43200},
        )
        stub.add_response("delete_message", {}, where | {"ReceiptHandle": "r"})
        queue = cloud(sqs)

        message = queue.receive()

        assert message == Message("enh_x-1", "r", 3)
        assert queue.receive() is None
        queue.hide(message, 7)
        queue.hide(message, 99_999)
        queue.delete(message)


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDenied", DeniedError), ("InternalError", CloudError)]
)
def test_trouble_is_told_without_what_was_sent(
    sqs: Any, code: str, error: type[CloudError]
) -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error("receive_message", code, service_message="secret words")

        with pytest.raises(error) as caught:
            cloud(sqs).receive()

    assert str(caught.value) == f"Could not receive a message: {code}"


def test_lease_is_asked_for_and_its_urls_stay_out_of_sight(sqs: Any) -> None:
    answer = {"v": 1, "state": "leased", "wait_s": 60, "get": {"source": URL}, "put": {}}
    functions = Functions(answer)

    lease = cloud(sqs, functions).lease(MESSAGE, "claim", get=["source"])

    assert (lease.state, lease.wait_s, lease.get) == ("leased", 60, {"source": URL})
    assert "Signature" not in repr(lease)
    assert functions.asked == {
        "function": ADDRESSES.lease_function,
        "v": 1,
        "worker": "ann",
        "task_id": MESSAGE.task_id,
        "action": "claim",
        "device": "cpu",
        "receives": 1,
        "get": ["source"],
        "put": [],
    }


def test_end_is_told(sqs: Any) -> None:
    functions = Functions({"v": 1, "state": "finished"})

    assert cloud(sqs, functions).finish(MESSAGE, "ok") == "finished"
    assert functions.asked["function"] == ADDRESSES.finish_function
    assert functions.asked["outcome"] == "ok"


@pytest.mark.parametrize(
    ("functions", "error"),
    [
        (Functions({}, "Transient"), CloudError),
        (Functions({}, "Sandbox.Timedout"), CloudError),
        (Functions({}, "Permanent"), RefusedError),
        (Functions({"state": "sold"}), CloudError),
        (Functions([]), CloudError),
        (Functions(EndpointConnectionError(endpoint_url=URL)), CloudError),
    ],
)
def test_answer_that_is_none_is_an_error(sqs: Any, functions: Any, error: type[CloudError]) -> None:
    with pytest.raises(CloudError) as caught:
        cloud(sqs, functions).lease(MESSAGE, "renew")

    assert type(caught.value) is error
    assert "Signature" not in str(caught.value)


def test_gpu_is_there_when_its_driver_is(tmp_path: Path) -> None:
    driver = tmp_path / "nvidiactl"
    assert best_device((driver,)) == "cpu"
    driver.touch()
    assert best_device((driver,)) == "cuda"


class TestStopping:
    def test_wait_is_broken_off_when_it_comes_too_late(self) -> None:
        stop = Stop()
        stop.request()

        with pytest.raises(StoppedError), stop.breaks_off():
            pytest.fail("it waits")

    def test_signal_breaks_off_a_wait(self) -> None:
        program = (
            "import time\n"
            "from enhance.worker.stop import Stop, StoppedError\n"
            "stop = Stop(); stop.on_signals()\n"
            "try:\n"
            "    with stop.breaks_off():\n"
            "        print('waiting', flush=True); time.sleep(60)\n"
            "except StoppedError:\n"
            "    raise SystemExit(7)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "gpu_container")},
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"waiting\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 7
