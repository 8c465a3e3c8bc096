"""What every failure of a vendor call means to us.

A paid submit asks a harder question than a read: not "did it work" but "may it have been accepted".

============================  ===============================  ==============================
what happened                 submit                           read
============================  ===============================  ==============================
never left this machine       ProviderUnavailableError         ProviderUnavailableError
sent, or sent in part         SubmitUnknownError               ProviderUnavailableError
1xx, 3xx, 408, 409, 499, 5xx  SubmitUnknownError               ProviderUnavailableError
421, 425                      ProviderUnavailableError         ProviderUnavailableError
429                           ProviderThrottledError           ProviderThrottledError
other 4xx, 501                ProviderRejectedError            ProviderUnavailableError
============================  ===============================  ==============================

A vendor's own codes come first: an adapter asks this table only about what it does not know itself.
No message made here holds a reply's body, a URL or a credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import httpx

from dailies.domain.errors import (
    DuplicateSubmitError,
    ProviderError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    Rejection,
    SubmitUnknownError,
)
from dailies.providers._replies import Reply


class Sent(StrEnum):
    """Whether a request that raised may have reached the vendor."""

    NEVER = "never"
    PERHAPS = "perhaps"
    MISCONFIGURED = "misconfigured"
    """Never: the address is wrong."""


EXCEPTIONS: Mapping[type[Exception], Sent] = {
    httpx.ConnectError: Sent.NEVER,
    httpx.ConnectTimeout: Sent.NEVER,
    httpx.PoolTimeout: Sent.NEVER,
    httpx.ProxyError: Sent.NEVER,
    httpx.InvalidURL: Sent.MISCONFIGURED,
    httpx.UnsupportedProtocol: Sent.MISCONFIGURED,
    # A server that closes a kept-alive connection shows as RemoteProtocolError or ReadError, no
    # matter whether it had read the request.
    httpx.RemoteProtocolError: Sent.PERHAPS,
    httpx.LocalProtocolError: Sent.PERHAPS,
    httpx.ProtocolError: Sent.PERHAPS,
    httpx.ReadError: Sent.PERHAPS,
    httpx.WriteError: Sent.PERHAPS,
    httpx.CloseError: Sent.PERHAPS,
    httpx.NetworkError: Sent.PERHAPS,
    httpx.ReadTimeout: Sent.PERHAPS,
    httpx.WriteTimeout: Sent.PERHAPS,
    httpx.TimeoutException: Sent.PERHAPS,
    httpx.DecodingError: Sent.PERHAPS,
    httpx.TooManyRedirects: Sent.PERHAPS,
    httpx.TransportError: Sent.PERHAPS,
    httpx.RequestError: Sent.PERHAPS,
    httpx.HTTPStatusError: Sent.PERHAPS,
    httpx.HTTPError: Sent.PERHAPS,
    httpx.CookieConflict: Sent.PERHAPS,
    httpx.StreamConsumed: Sent.PERHAPS,
    httpx.StreamClosed: Sent.PERHAPS,
    httpx.ResponseNotRead: Sent.PERHAPS,
    httpx.RequestNotRead: Sent.PERHAPS,
    httpx.StreamError: Sent.PERHAPS,
}
"""Every exception class of httpx; a test fails when httpx gains one that is not here."""

ROOTS = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)

_REFUSALS: Mapping[int, Rejection] = {
    401: Rejection.AUTH,
    402: Rejection.BALANCE,
    403: Rejection.FORBIDDEN,
    404: Rejection.MODEL_GONE,
    410: Rejection.MODEL_GONE,
    407: Rejection.FORBIDDEN,
    451: Rejection.FORBIDDEN,
    501: Rejection.INVALID,
}
_MAYBE_ACCEPTED = frozenset({408, 409, 499})
_NOT_PROCESSED = frozenset({421, 425})


@dataclass(frozen=True)
class VendorErrors:
    """Makes the errors of one vendor, worded without its reply."""

    vendor: str
    title: str

    def not_sent(self, why: str) -> ProviderUnavailableError:
        """Return: nothing was asked, for a reason of our own."""
        return ProviderUnavailableError(f"{self.title} was not asked: {why}.", vendor=self.vendor)

    def no_answer(self, exc: Exception, *, paid: bool) -> ProviderError:
        """Return what an exception of httpx means for a submit (`paid`) or for a read."""
        meaning = _sent(exc)
        if meaning is Sent.MISCONFIGURED:
            return self.not_sent("the address configured for it is not valid")
        if paid and meaning is Sent.PERHAPS:
            return self.unknown()
        late = isinstance(exc, httpx.TimeoutException)
        what = "did not answer in time" if late else "could not be reached"
        message = f"{self.title} {what} ({type(exc).__name__})."
        return ProviderUnavailableError(message, vendor=self.vendor)

    def submit_error(self, reply: Reply, code: str = "", detail: str = "") -> ProviderError:
        """Return what a submit's answer means by its status alone; a 2xx here names no task."""
        status = reply.status
        if status == 429:
            return self.throttled(reply, code)
        if status in _NOT_PROCESSED:
            return self.unavailable(reply, code)
        refused = 400 <= status < 500 and status not in _MAYBE_ACCEPTED
        if refused or status in _REFUSALS:
            return self.rejected(_REFUSALS.get(status, Rejection.INVALID), reply, code, detail)
        return self.unknown(reply, code)

    def read_error(self, reply: Reply, code: str = "") -> ProviderError:
        """Return what a read's answer means by its status alone: it found nothing out."""
        return self.throttled(reply, code) if reply.status == 429 else self.unavailable(reply, code)

    def throttled(
        self, reply: Reply, code: str = "", retry_after: float | None = None
    ) -> ProviderThrottledError:
        """Return: certainly not accepted, come back later."""
        return ProviderThrottledError(
            f"{self.title} has too much to do{_where(reply, code)}.",
            vendor=self.vendor,
            vendor_code=code,
            http_status=reply.status,
            retry_after_s=retry_after if retry_after is not None else reply.retry_after_s,
        )

    def unavailable(self, reply: Reply, code: str = "") -> ProviderUnavailableError:
        """Return: certainly not accepted, or a read that found nothing out."""
        return ProviderUnavailableError(
            f"{self.title} could not say{_where(reply, code)}.",
            vendor=self.vendor,
            vendor_code=code,
            http_status=reply.status,
            retry_after_s=reply.retry_after_s,
        )

    def rejected(
        self, reason: Rejection, reply: Reply, code: str = "", detail: str = ""
    ) -> ProviderRejectedError:
        """Return: certainly not accepted, for good."""
        return ProviderRejectedError(
            f"{self.title} refused the request: {reason}{_where(reply, code)}.",
            reason=reason,
            vendor=self.vendor,
            vendor_code=code,
            http_status=reply.status,
            detail=detail,
        )

    def duplicate(self, reply: Reply, code: str = "") -> DuplicateSubmitError:
        """Return: our external id exists already."""
        return DuplicateSubmitError(
            f"{self.title} has a task of this id already{_where(reply, code)}.",
            vendor=self.vendor,
            vendor_code=code,
            http_status=reply.status,
        )

    def unknown(self, reply: Reply | None = None, code: str = "") -> SubmitUnknownError:
        """Return: the task may exist."""
        return SubmitUnknownError(
            f"{self.title} may have accepted the request{_where(reply, code)}.",
            vendor=self.vendor,
            vendor_code=code,
            http_status=reply.status if reply else None,
        )


def _sent(exc: Exception) -> Sent:
    return next((EXCEPTIONS[c] for c in type(exc).__mro__ if c in EXCEPTIONS), Sent.PERHAPS)


def _where(reply: Reply | None, code: str) -> str:
    if reply is None:
        return ", no answer came back"
    return f" (HTTP {reply.status}, code {code})" if code else f" (HTTP {reply.status})"
