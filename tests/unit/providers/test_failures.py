"""Every httpx exception and every HTTP status has one meaning, for a submit and for a read."""

from __future__ import annotations

import inspect

import httpx
import pytest
from provider_cases import NOW

from dailies.domain.errors import (
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    Rejection,
    SubmitUnknownError,
)
from dailies.providers._failures import EXCEPTIONS, ROOTS, Sent, VendorErrors
from dailies.providers._replies import Reply

ERRORS = VendorErrors("acme", "Acme")


def reply(status: int, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, httpx.Headers(headers or {}), b"", NOW)


def test_no_exception_class_is_forgotten_when_httpx_gains_one() -> None:
    everything = {
        value
        for value in vars(httpx).values()
        if inspect.isclass(value) and issubclass(value, Exception)
    }

    assert everything - set(EXCEPTIONS) == set()
    assert all(issubclass(one, ROOTS) for one in everything)


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_submit_is_certainly_not_sent_only_when_no_connection_was_made(
    kind: type[Exception],
) -> None:
    never = {
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.InvalidURL,
        httpx.UnsupportedProtocol,
    }

    error = ERRORS.no_answer(_made(kind), paid=True)

    expected = ProviderUnavailableError if kind in never else SubmitUnknownError
    assert type(error) is expected
    assert (EXCEPTIONS[kind] is Sent.PERHAPS) == (kind not in never)


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_read_finds_nothing_out_when_it_raised(kind: type[Exception]) -> None:
    assert type(ERRORS.no_answer(_made(kind), paid=False)) is ProviderUnavailableError


def test_subclass_means_what_its_parent_means_when_it_is_new() -> None:
    class NewConnectError(httpx.ConnectError): ...

    assert isinstance(ERRORS.no_answer(NewConnectError("x"), paid=True), ProviderUnavailableError)


def test_message_tells_slow_from_unreachable_when_a_read_raised() -> None:
    late = ERRORS.no_answer(httpx.ReadTimeout("x"), paid=False)
    gone = ERRORS.no_answer(httpx.ConnectError("x"), paid=False)
    wrong = ERRORS.no_answer(httpx.InvalidURL("x"), paid=False)

    assert str(late) == "Acme did not answer in time (ReadTimeout)."
    assert str(gone) == "Acme could not be reached (ConnectError)."
    assert str(wrong) == "Acme was not asked: the address configured for it is not valid."


_REFUSED = {
    401: Rejection.AUTH,
    402: Rejection.BALANCE,
    403: Rejection.FORBIDDEN,
    404: Rejection.MODEL_GONE,
    407: Rejection.FORBIDDEN,
    410: Rejection.MODEL_GONE,
    451: Rejection.FORBIDDEN,
    501: Rejection.INVALID,
}


@pytest.mark.parametrize("status", range(100, 600))
def test_status_has_one_meaning_when_the_vendor_gives_no_code(status: int) -> None:
    error = ERRORS.submit_error(reply(status))
    read = ERRORS.read_error(reply(status))

    if status == 429:
        assert type(error) is ProviderThrottledError
        assert type(read) is ProviderThrottledError
        return
    assert type(read) is ProviderUnavailableError
    if status in (421, 425):
        assert type(error) is ProviderUnavailableError
    elif (400 <= status < 500 and status not in (408, 409, 499)) or status == 501:
        assert isinstance(error, ProviderRejectedError)
        assert error.reason is _REFUSED.get(status, Rejection.INVALID)
    else:
        assert type(error) is SubmitUnknownError
    assert error.http_status == read.http_status == status


def test_error_carries_code_and_delay_when_the_vendor_gives_them() -> None:
    slow = reply(429, {"Retry-After": "8"})

    assert ERRORS.throttled(slow, "1302").retry_after_s == 8.0
    assert ERRORS.throttled(slow, "1302", 3.0).retry_after_s == 3.0
    assert ERRORS.unavailable(slow, "5001").retry_after_s == 8.0
    assert str(ERRORS.duplicate(reply(400), "1201")) == (
        "Acme has a task of this id already (HTTP 400, code 1201)."
    )
    assert str(ERRORS.unknown()) == "Acme may have accepted the request, no answer came back."
    assert ERRORS.unknown().http_status is None
    rejected = ERRORS.rejected(Rejection.BALANCE, reply(402), detail="Out of credit")
    assert (str(rejected), rejected.detail) == (
        "Acme refused the request: balance (HTTP 402).",
        "Out of credit",
    )


def _made(kind: type[Exception]) -> Exception:
    if issubclass(kind, httpx.HTTPStatusError):
        request = httpx.Request("GET", "https://x.example")
        return kind("x", request=request, response=httpx.Response(500))
    if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError:
        return kind()
    return kind("x")
