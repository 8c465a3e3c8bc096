"""Small hand-made resources on a running emulator, for the tests of the emulator itself."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from typing import Any

from local.emulator.process import Emulator

_POLL_INTERVAL_S = 0.02
CAUGHT = {"Type": "Pass", "Output": "{% $states.input %}", "End": True}
_ROLE_ARN = "arn:aws:iam::000000000000:role/"


@dataclass
class Execution:
    """How one execution of a state machine ended."""

    status: str
    output: Any
    error: str | None
    cause: str | None
    elapsed_s: float


@dataclass
class Cloud:
    """Makes functions, roles and state machines, and runs them."""

    emulator: Emulator
    _clients: dict[str, Any] = field(default_factory=dict)
    _serial: int = 0

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.emulator.client(service)
        return self._clients[service]

    def name(self, kind: str) -> str:
        self._serial += 1
        return f"{kind}-{self._serial}"

    def role(self, *actions: str) -> str:
        """Make a role for functions and workflows with these actions on everything."""
        iam, name = self.client("iam"), self.name("role")
        principals = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
        trust = [{"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust), Path="/")
        if actions:
            allow = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_document(allow))
        return _ROLE_ARN + name

    def function(self, body: str, *actions: str, timeout_s: int = 5, **variables: str) -> str:
        """Deploy ``index.handler`` from this source and return the function's ARN."""
        made = self.client("lambda").create_function(
            FunctionName=self.name("function"),
            Runtime="python3.13",
            Handler="index.handler",
            Role=self.role(*actions),
            Timeout=timeout_s,
            Code={"ZipFile": zipped(body)},
            Environment={"Variables": variables},
        )
        return made["FunctionArn"]

    def queue(self) -> tuple[str, str]:
        """Make a queue and return its URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=self.name("queue"))["QueueUrl"]
        wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, wanted["Attributes"]["QueueArn"]

    def table_with_stream(self) -> tuple[str, str]:
        """Make a table keyed by ``id`` and return its name and its stream's ARN."""
        name = self.name("table")
        made = self.client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        return name, made["TableDescription"]["LatestStreamArn"]

    def read_stream(self, stream_arn: str, function_arn: str) -> str:
        """Let a function read a stream from its start, and return the reader's id."""
        made = self.client("lambda").create_event_source_mapping(
            FunctionName=function_arn, EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON"
        )
        return made["UUID"]

    def await_read(self, reader_id: str, timeout_s: float = 5.0) -> None:
        """Wait until a stream's reader has finished a batch."""

        def finished() -> bool:
            found = self.client("lambda").get_event_source_mapping(UUID=reader_id)
            return found["LastProcessingResult"].startswith("OK")

        eventually(finished, timeout_s)

    def message(self, queue_url: str, timeout_s: float = 5.0) -> dict[str, Any]:
        """Take the next message off a queue, as parsed JSON."""

        def receive() -> Any:
            return self.client("sqs").receive_message(QueueUrl=queue_url).get("Messages")

        taken = eventually(receive, timeout_s)[0]
        self.client("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=taken["ReceiptHandle"])
        return json.loads(taken["Body"])

    def start(self, definition: dict[str, Any], given: Any = None) -> str:
        """Start an execution of this definition and return its ARN."""
        states = self.client("stepfunctions")
        machine = states.create_state_machine(
            name=self.name("machine"),
            definition=json.dumps(definition),
            roleArn=self.role("*"),
        )
        started = states.start_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps(given or {})
        )
        return started["executionArn"]

    def ending(self, execution_arn: str, timeout_s: float = 8.0) -> Execution:
        """Wait for this execution to end."""
        states, began = self.client("stepfunctions"), time.monotonic()

        def ended() -> Any:
            found = states.describe_execution(executionArn=execution_arn)
            return found if found["status"] != "RUNNING" else None

        found = eventually(ended, timeout_s)
        output = json.loads(found["output"]) if found.get("output") else None
        elapsed_s = time.monotonic() - began
        return Execution(found["status"], output, found.get("error"), found.get("cause"), elapsed_s)

    def run(
        self, definition: dict[str, Any], given: Any = None, timeout_s: float = 8.0
    ) -> Execution:
        """Run this definition to its end."""
        return self.ending(self.start(definition, given), timeout_s)


def zipped(body: str) -> bytes:
    """Zip this source as index.py."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", body)
    return packed.getvalue()


def machine(task: dict[str, Any], **more_states: dict[str, Any]) -> dict[str, Any]:
    """Wrap one task into a JSONata definition."""
    states = {"Work": {"Type": "Task", "End": True, **task}, **more_states}
    if "Next" in task:
        del states["Work"]["End"]
    return {"QueryLanguage": "JSONata", "StartAt": "Work", "States": states}


def catch(*errors: str) -> list[dict[str, Any]]:
    """Send these errors to the state Caught, which is CAUGHT, as its output."""
    return [{"ErrorEquals": list(errors), "Output": "{% $states.errorOutput %}", "Next": "Caught"}]


def token_wait(queue_url: str, **limits: Any) -> dict[str, Any]:
    """Describe a task that sends its token to this queue and waits for the answer."""
    return {
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {
            "QueueUrl": queue_url,
            "MessageBody": {"token": "{% $states.context.Task.Token %}"},
        },
        **limits,
    }


def eventually(probe: Any, timeout_s: float) -> Any:
    """Return the first true answer of the probe, asked again and again until the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing came within {timeout_s} s")
        time.sleep(_POLL_INTERVAL_S)


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
