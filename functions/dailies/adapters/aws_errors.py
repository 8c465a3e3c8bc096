"""What botocore raises, in our words: the one place that decides what is worth a retry.

::

    a condition did not hold                      ConditionFailedError   (a ConflictError)
    another transaction had the row               RowBusyError           (a ConflictError)
    connection, timeout, throttling, 5xx          StorageError           it did not answer: retry
    everything else (no access, no such table,    ConfigurationError     it will not change its mind
    a malformed call)

A caller that expects another refusal (a thing that is not there) catches it before: see `code_of`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from dailies.domain.errors import ConfigurationError, ConflictError, PipelineError, StorageError

THROTTLES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "KMSThrottlingException",
    }
)
_PASSING = THROTTLES | {
    "IncompleteBody",
    "InternalFailure",
    "InternalServerError",
    "PriorRequestNotComplete",
    "RequestTimeout",
    "RequestTimeoutException",
    "TransactionInProgressException",
}
_OURS = (NoCredentialsError, PartialCredentialsError, ParamValidationError)
_PASSING_REASONS = frozenset({"None", "ProvisionedThroughputExceeded", "ThrottlingError"})


class ConditionFailedError(ConflictError):
    """A condition did not hold."""

    def __init__(self, message: str, reasons: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons
        """Of a transaction: one for each of its items, in order."""

    def refuses(self, item: int) -> bool:
        """Return whether the transaction's item of that index is one whose condition failed."""
        return _code(self.reasons, item) == "ConditionalCheckFailed"


class RowBusyError(ConflictError):
    """Another transaction had the row at this moment; the same write may succeed the next."""

    def __init__(self, message: str, reasons: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons

    def concerns(self, item: int) -> bool:
        """Return whether the transaction's item of that index is one that was busy."""
        return _code(self.reasons, item) == "TransactionConflict"


def _code(reasons: Sequence[Mapping[str, Any]], item: int) -> str:
    return reasons[item]["Code"] if item < len(reasons) else "None"


def code_of(error: ClientError) -> str:
    """Return the service's error code, without the namespace that some protocols put before it."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code.rpartition("#")[2]


def in_our_words(error: ClientError | BotoCoreError, what: str) -> PipelineError:
    """Return the domain error for what a call raised; `what` names it, without any of its data."""
    if isinstance(error, ClientError):
        return _of_refusal(error, what)
    name = type(error).__name__
    if isinstance(error, _OURS):
        return ConfigurationError(f"{what}: {name}")
    return StorageError(f"{what}: {name}")


def _of_refusal(error: ClientError, what: str) -> PipelineError:
    code = code_of(error)
    message = f"{what}: {code}"
    if code == "TransactionCanceledException":
        return _of_cancellation(error, message)
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError(message)
    if code == "TransactionConflictException":
        return RowBusyError(message)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _PASSING or status >= 500:
        return StorageError(message)
    return ConfigurationError(message)


def _of_cancellation(error: ClientError, message: str) -> PipelineError:
    reasons = cast("list[dict[str, Any]]", error.response.get("CancellationReasons", []))
    codes = {str(reason["Code"]) for reason in reasons}
    if "ConditionalCheckFailed" in codes:
        return ConditionFailedError(message, reasons)
    if "TransactionConflict" in codes:
        return RowBusyError(message, reasons)
    words = ", ".join(sorted(codes - {"None"}))
    if codes <= _PASSING_REASONS:
        return StorageError(f"{message} ({words})")
    return ConfigurationError(f"{message} ({words})")


@contextmanager
def aws_call(what: str) -> Generator[None]:
    """Turn what botocore raises inside into ConflictError, StorageError or ConfigurationError."""
    try:
        yield
    except (ClientError, BotoCoreError) as exc:
        raise in_our_words(exc, what) from exc
