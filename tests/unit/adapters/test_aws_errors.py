"""Every kind of trouble that botocore tells of has its place among our errors."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as boto

from dailies.adapters.aws_errors import (
    THROTTLES,
    ConditionFailedError,
    RowBusyError,
    aws_call,
    in_our_words,
)
from dailies.domain.errors import ConfigurationError, ConflictError, StorageError


def refusal(code: str, status: int = 400, **more: Any) -> boto.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "a secret"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return boto.ClientError(response, "Operation")


def cancellation(*codes: str) -> boto.ClientError:
    reasons = [{"Code": code} for code in codes]
    return refusal("TransactionCanceledException", CancellationReasons=reasons)


@pytest.mark.parametrize("code", sorted(THROTTLES | {"RequestTimeout", "InternalServerError"}))
def test_refusal_is_worth_a_retry_when_it_says_later(code: str) -> None:
    assert type(in_our_words(refusal(code), "read")) is StorageError


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_refusal_is_worth_a_retry_when_the_service_failed(status: int) -> None:
    assert type(in_our_words(refusal("Whatever", status), "read")) is StorageError


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"]
)
def test_refusal_is_ours_to_mend_when_it_is_for_good(code: str) -> None:
    error = in_our_words(refusal(code), "read")
    assert type(error) is ConfigurationError
    assert str(error) == f"read: {code}"


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url="https://example.com"),
        boto.ConnectTimeoutError(endpoint_url="https://example.com"),
        boto.ReadTimeoutError(endpoint_url="https://example.com"),
        boto.ConnectionClosedError(endpoint_url="https://example.com"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
)
def test_silence_is_worth_a_retry_when_the_network_fails(error: boto.BotoCoreError) -> None:
    assert type(in_our_words(error, "read")) is StorageError


@pytest.mark.parametrize(
    "error", [boto.NoCredentialsError(), boto.ParamValidationError(report="wrong")]
)
def test_call_is_ours_to_mend_when_it_was_never_sent(error: boto.BotoCoreError) -> None:
    assert type(in_our_words(error, "read")) is ConfigurationError


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["None", "ConditionalCheckFailed"], ConditionFailedError),
        (["TransactionConflict", "ConditionalCheckFailed"], ConditionFailedError),
        (["None", "TransactionConflict", "ThrottlingError"], RowBusyError),
        (["None", "ThrottlingError"], StorageError),
        (["ProvisionedThroughputExceeded"], StorageError),
        ([], StorageError),
        (["None", "ValidationError"], ConfigurationError),
        (["ItemCollectionSizeLimitExceeded", "ThrottlingError"], ConfigurationError),
    ],
)
def test_cancelled_transaction_tells_why_when_its_items_differ(
    codes: list[str], expected: type[Exception]
) -> None:
    assert type(in_our_words(cancellation(*codes), "write")) is expected


def test_cancelled_transaction_names_its_items_when_conditions_failed() -> None:
    error = in_our_words(cancellation("None", "ConditionalCheckFailed"), "write")
    assert isinstance(error, ConditionFailedError)
    assert [error.refuses(item) for item in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "TransactionConflictException"]
)
def test_single_write_conflicts_when_its_row_is_not_as_expected(code: str) -> None:
    assert isinstance(in_our_words(refusal(code), "write"), ConflictError)


def test_error_code_is_read_when_it_comes_with_a_namespace() -> None:
    error = in_our_words(refusal("com.amazonaws.sns#Throttled"), "publish")
    assert type(error) is StorageError


def test_cause_is_kept_and_its_message_is_not_when_a_call_fails() -> None:
    cause = refusal("AccessDeniedException")
    with pytest.raises(ConfigurationError) as caught, aws_call("read"):
        raise cause
    assert caught.value.__cause__ is cause
    assert "secret" not in str(caught.value)


def test_other_errors_pass_when_they_are_not_of_botocore() -> None:
    with pytest.raises(KeyError), aws_call("read"):
        raise KeyError
