"""What a worker talks to: one queue, and the two functions that lease and finish tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient

Action = Literal["claim", "renew", "release"]
Names = Sequence[str]
LONGEST_S = 12 * 3600
"""SQS hides a message for no longer."""
_LONG_POLL_S = 20
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "InvalidClientTokenId"})
_FOR_GOOD = "Permanent"
"""How the functions name what is no better the next time."""


class CloudError(Exception):
    """A call failed. The message holds neither URLs nor credentials."""


class DeniedError(CloudError):
    """The worker's credentials do not allow it: no use in trying again."""


class RefusedError(CloudError):
    """A function refuses the request for good."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as it was received this time."""

    task_id: str
    receipt: str
    receives: int
    """How often it has been received, this time included."""


class Lease(BaseModel):
    """What LeaseTask answers; `LeaseAnswer` of the functions says what the words mean."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Literal["leased", "taken", "unsuited", "gone", "released"]
    wait_s: int = Field(default=0, ge=0)
    get: dict[str, str] = Field(default_factory=dict, repr=False)
    put: dict[str, str] = Field(default_factory=dict, repr=False)


class Cloud(Protocol):
    """Every method raises CloudError."""

    def receive(self) -> Message | None:
        """Wait a while for a message."""
        ...

    def hide(self, message: Message, seconds: int) -> None:
        """Let nobody else receive the message for so long from now; 0: at once."""
        ...

    def delete(self, message: Message) -> None:
        """Take the message out of the queue."""
        ...

    def lease(self, message: Message, action: Action, *, get: Names = (), put: Names = ()) -> Lease:
        """Claim, renew or release the message's task, and get URLs for these names."""
        ...

    def finish(self, message: Message, outcome: str) -> str:
        """Say how the task ended; returns `finished`, `taken` or `gone`."""
        ...


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a worker's cloud is: outputs of the stack."""

    queue_url: str
    lease_function: str
    finish_function: str

    @property
    def region(self) -> str:
        """Of the functions; ARNs say it."""
        return self.lease_function.split(":")[3]


class AwsCloud:
    """The Cloud port on SQS and Lambda."""

    def __init__(
        self,
        sqs: SQSClient,
        functions: Any,
        addresses: Addresses,
        *,
        worker: str,
        device: str,
    ) -> None:
        self._sqs = sqs
        self._lambda = functions
        self._addresses = addresses
        self._worker = worker
        self._device = device

    def receive(self) -> Message | None:
        """Wait up to 20 s for a message."""
        with _told("receive a message"):
            answer = self._sqs.receive_message(
                QueueUrl=self._addresses.queue_url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=_LONG_POLL_S,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        for one in answer.get("Messages", []):
            receives = one.get("Attributes", {}).get("ApproximateReceiveCount", "1")
            return Message(one.get("Body", ""), one.get("ReceiptHandle", ""), int(receives))
        return None

    def hide(self, message: Message, seconds: int) -> None:
        """Change the message's visibility."""
        with _told("change a message's visibility"):
            self._sqs.change_message_visibility(
                QueueUrl=self._addresses.queue_url,
                ReceiptHandle=message.receipt,
                VisibilityTimeout=min(seconds, LONGEST_S),
            )

    def delete(self, message: Message) -> None:
        """Take the message out of the queue."""
        with _told("delete a message"):
            self._sqs.delete_message(
                QueueUrl=self._addresses.queue_url, ReceiptHandle=message.receipt
            )

    def lease(self, message: Message, action: Action, *, get: Names = (), put: Names = ()) -> Lease:
        """Ask LeaseTask."""
        answer = self._ask(
            self._addresses.lease_function,
            task_id=message.task_id,
            action=action,
            device=self._device,
            receives=message.receives,
            get=list(get),
            put=list(put),
        )
        return _read(lambda: Lease.model_validate(answer))

    def finish(self, message: Message, outcome: str) -> str:
        """Ask FinishTask."""
        function = self._addresses.finish_function
        answer = self._ask(function, task_id=message.task_id, outcome=outcome)
        return _read(lambda: str(answer["state"]))

    def _ask(self, function: str, **request: Any) -> dict[str, Any]:
        payload = {"v": 1, "worker": self._worker, **request}
        with _told("call a function"):
            answer = self._lambda.invoke(
                FunctionName=function, Payload=json.dumps(payload).encode()
            )
            body = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            kind = str(body.get("errorType", "")) if isinstance(body, dict) else ""
            name = function.rpartition(":function:")[2].partition(":")[0]
            failed = RefusedError if kind == _FOR_GOOD else CloudError
            raise failed(f"{name} ends with {kind or 'an error'}")
        return body


def _read(answer: Callable[[], Any]) -> Any:
    try:
        return answer()
    except (ValidationError, KeyError, TypeError) as error:
        raise CloudError(f"An answer that cannot be read: {type(error).__name__}") from None


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what the SDK raises into our words: its own may quote what was sent."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]
        kind = DeniedError if code in _DENIED else CloudError
        raise kind(f"Could not {what}: {code}") from None
    except (BotoCoreError, ValueError) as error:
        raise CloudError(f"Could not {what}: {type(error).__name__}") from None


def connect(addresses: Addresses, *, worker: str, device: str) -> AwsCloud:
    """Make the clients, as the environment configures them."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(region_name=addresses.region)
    config = Config(connect_timeout=5, read_timeout=_LONG_POLL_S + 20, retries={"mode": "standard"})
    return AwsCloud(
        session.client("sqs", config=config),
        session.client("lambda", config=config),
        addresses,
        worker=worker,
        device=device,
    )
