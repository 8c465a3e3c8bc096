"""The child process: it comes up or says why, keeps its state, and never outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.emulator.corrections import (
    MINISTACK_VERSION,
    Correction,
    CorrectionError,
    apply_all,
    check_version,
)
from local.emulator.process import Emulator, EmulatorError
from tests.emulator.cloud import Cloud, eventually, machine

PARENT = """
import json, sys, time
from pathlib import Path
from local.emulator.process import Emulator
emulator = Emulator(Path(sys.argv[1]))
emulator.start()
print(emulator.port, flush=True)
time.sleep(60)
"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_emulator_stops_when_its_parent_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, cwd=root
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert _listens(port)
        os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: not _listens(port), timeout_s=5.0)


def test_start_names_the_log_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        emulator = Emulator(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(EmulatorError, match=r"ended while starting; see .*emulator\.log"):
            emulator.start()
    assert "Address already in use" in emulator.log_path.read_text(encoding="utf-8")


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_state_survives_when_it_is_kept(tmp_path: Path, ending: str) -> None:
    emulator = Emulator(tmp_path, persist=True)
    with emulator:
        port, cloud = emulator.port, Cloud(emulator)
        cloud.client("s3").create_bucket(Bucket="media")
        cloud.client("s3").put_object(Bucket="media", Key="clip", Body=b"frames")
        url, _ = cloud.queue()
        function = cloud.function("def handler(event, context): return 'again'")
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
        execution = cloud.start(wait)
        if ending == "kill":
            _await_save(tmp_path, since=time.time())
        getattr(emulator, ending)()
        emulator.start()
        assert emulator.port == port
        body = cloud.client("s3").get_object(Bucket="media", Key="clip")["Body"].read()
        assert body == b"frames"
        assert cloud.client("sqs").list_queues()["QueueUrls"] == [url]
        answer = cloud.client("lambda").invoke(FunctionName=function)
        assert json.loads(answer["Payload"].read()) == "again"
        assert cloud.ending(execution).error == "States.ServiceRestart"


FORWARDING = """
import boto3, os
queue = boto3.client("sqs")
def handler(event, context):
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]["id"]["S"]
        queue.send_message(QueueUrl=os.environ["URL"], MessageBody=key)
"""


@pytest.mark.parametrize(("corrected", "delivered"), [(True, 2), (False, None)])
def test_stream_goes_on_when_the_emulator_restarts(
    tmp_path: Path, corrected: bool, delivered: int | None
) -> None:
    with Emulator(tmp_path, persist=True, corrected=corrected) as emulator:
        cloud = Cloud(emulator)
        url, _ = cloud.queue()
        table, stream_arn = cloud.table_with_stream()
        reader = cloud.read_stream(stream_arn, cloud.function(FORWARDING, "*", URL=url))
        put = cloud.client("dynamodb").put_item
        put(TableName=table, Item={"id": {"S": "1"}})
        assert cloud.message(url) == 1
        cloud.await_read(reader)
        emulator.stop()
        emulator.start()
        put(TableName=table, Item={"id": {"S": "2"}})
        if delivered is None:
            with pytest.raises(AssertionError, match="nothing came"):
                cloud.message(url, timeout_s=1.5)
        else:
            assert cloud.message(url) == delivered


def _await_save(state_dir: Path, since: float) -> None:
    saved = [state_dir / "state" / f"{name}.json" for name in ("lambda", "sqs", "stepfunctions")]

    def complete() -> bool:
        return all(path.exists() and path.stat().st_mtime > since for path in saved)

    eventually(complete, timeout_s=12.0)


def test_stop_is_prompt_when_an_execution_waits(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        cloud = Cloud(emulator)
        slow = cloud.function(
            "import time\ndef handler(event, context): time.sleep(60)", timeout_s=60
        )
        cloud.start(machine({"Resource": slow}))
        began = time.monotonic()
        emulator.stop()
        assert time.monotonic() - began < 5.0


def test_functions_see_nothing_of_our_environment_when_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLING_API_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "functions")
    with Emulator(tmp_path) as emulator:
        cloud = Cloud(emulator)
        function = cloud.function("import os\ndef handler(event, context): return dict(os.environ)")
        seen = json.loads(cloud.client("lambda").invoke(FunctionName=function)["Payload"].read())
        assert seen["AWS_ENDPOINT_URL"] == emulator.endpoint_url
        assert {"KLING_API_KEY", "PYTHONPATH"}.isdisjoint(seen)
        assert {"KLING_API_KEY", "PYTHONPATH"}.isdisjoint(emulator.environment())


def test_start_up_is_refused_when_ministack_is_another_version() -> None:
    check_version(MINISTACK_VERSION)
    with pytest.raises(CorrectionError, match=r"installed is 9\.9\.9"):
        check_version("9.9.9")


@pytest.mark.parametrize(
    ("attribute", "parameters", "message"),
    [("dumps", ("something",), "json.dumps takes"), ("vanished", None, "json.vanished is gone")],
)
def test_start_up_is_refused_when_a_correction_does_not_fit(
    attribute: str, parameters: tuple[str, ...] | None, message: str
) -> None:
    correction = Correction("a gap", "json", attribute, parameters, lambda original: original)
    with pytest.raises(CorrectionError, match=message):
        apply_all([correction])
