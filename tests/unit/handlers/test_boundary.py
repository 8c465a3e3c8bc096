"""Errors leave a function under exactly three names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dailies.domain import errors
from dailies.handlers.boundary import Permanent, Throttled, Transient, call, errors_by_name
from dailies.observability import logger


def every(root: type[errors.PipelineError]) -> Iterator[type[errors.PipelineError]]:
    yield root
    for kind in root.__subclasses__():
        yield from every(kind)


def an_error(kind: type[errors.PipelineError]) -> errors.PipelineError:
    return kind.__new__(kind)  # what it says does not matter


@pytest.mark.parametrize("kind", sorted(set(every(errors.PipelineError)), key=lambda k: k.__name__))
def test_name_follows_from_whether_trying_again_can_help(
    kind: type[errors.PipelineError],
) -> None:
    name = errors_by_name(an_error(kind))

    if kind is errors.ProviderThrottledError:
        assert name is Throttled
    else:
        assert name is (Transient if kind.retryable else Permanent)


def test_unknown_outcome_of_a_submit_is_never_retried() -> None:
    assert errors_by_name(an_error(errors.SubmitUnknownError)) is Permanent
    assert errors_by_name(an_error(errors.DuplicateSubmitError)) is Permanent


def test_bug_is_permanent_and_its_text_stays_inside() -> None:
    def broken() -> None:
        raise KeyError("secret")

    with pytest.raises(Permanent) as raised:
        call(broken, {"job_id": "job_x"})

    assert str(raised.value) == "KeyError"
    assert isinstance(raised.value.__cause__, KeyError)


def test_cause_says_code_and_message_of_our_own_errors() -> None:
    def down() -> None:
        raise errors.StorageError("The table did not answer.")

    with pytest.raises(Transient, match=r"storage_unavailable: The table did not answer\."):
        call(down, {"job_id": "job_x", "run": 1})


def test_result_passes_unchanged() -> None:
    assert call(lambda: {"outcome": "poll"}, {}) == {"outcome": "poll"}


@pytest.fixture
def lines() -> Iterator[list[logging.LogRecord]]:
    found: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    handler = Keep()
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def raises(error: Exception) -> Callable[[], Any]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    "error",
    [
        errors.DeliveryRefusedError("The receiver is gone."),
        errors.InvalidRequestError("There is no such model."),
        errors.StorageError("The table did not answer."),
    ],
)
def test_refusal_is_a_warning_without_a_traceback_when_it_was_expected(
    lines: list[logging.LogRecord], error: Exception
) -> None:
    with pytest.raises((Permanent, Transient)):
        call(raises(error), {})

    (line,) = lines
    assert (line.levelname, line.exc_info) == ("WARNING", None)


def test_bug_is_an_error_with_its_traceback(lines: list[logging.LogRecord]) -> None:
    with pytest.raises(Permanent):
        call(raises(KeyError("x")), {})

    (line,) = lines
    assert line.levelname == "ERROR"
    assert line.exc_info


def test_what_is_missing_is_logged_as_an_error_when_the_deployment_lacks_it(
    lines: list[logging.LogRecord],
) -> None:
    with pytest.raises(Permanent):
        call(raises(errors.ConfigurationError("The secret providers/kling is missing.")), {})

    (line,) = lines
    assert (line.levelname, line.exc_info) == ("ERROR", None)
    assert vars(line)["error"] == "The secret providers/kling is missing."
