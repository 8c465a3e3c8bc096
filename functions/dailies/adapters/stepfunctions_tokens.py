"""Task tokens of Step Functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dailies.adapters.aws_errors import aws_call, code_of

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_WAIT_IS_OVER = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class StepFunctionsTokens:
    """The TaskTokens port."""

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def succeed(self, token: str, output: Mapping[str, object]) -> None:
        """End the wait well; harmless when it is over already."""
        text = json.dumps(dict(output))
        self._end(lambda: self._client.send_task_success(taskToken=token, output=text))

    def fail(self, token: str, error: str, cause: str) -> None:
        """End the wait badly; harmless when it is over already."""
        self._end(lambda: self._client.send_task_failure(taskToken=token, error=error, cause=cause))

    def _end(self, send: Callable[[], object]) -> None:
        with aws_call("end a wait"):
            try:
                send()
            except ClientError as exc:
                if code_of(exc) not in _WAIT_IS_OVER:
                    raise
