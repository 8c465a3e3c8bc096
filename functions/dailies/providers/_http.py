"""The one way in which adapters talk HTTP: clients, bounded replies, and what every failure means.

A paid submit asks a harder question than a read: not "did it work" but "may it have been accepted".

============================  ===============================  ==============================
what happened                 submit                           read
============================  ===============================  ==============================
never left this machine       ProviderUnavailableError         ProviderUnavailableError
sent, or sent in part         SubmitUnknownError               ProviderUnavailableError
address of ours is wrong      ConfigurationError               ConfigurationError
1xx, 3xx, 408, 409, 499, 5xx  SubmitUnknownError               ProviderUnavailableError
421, 425                      ProviderUnavailableError         ProviderUnavailableError
429                           ProviderThrottledError           ProviderThrottledError
other 4xx, 501                ProviderRejectedError            ProviderUnavailableError
============================  ===============================  ==============================

A vendor's own codes come first: an adapter asks this table only about what it does not know itself.
No message made here holds a reply's body, a URL or a credential.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import httpx
from pydantic_core import from_json

from dailies.domain.errors import (
    ConfigurationError,
    DuplicateSubmitError,
    PipelineError,
    ProviderError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    Rejection,
    SubmitUnknownError,
)
from dailies.domain.ports import Clock

CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 30.0
POOL_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0
KEEP_ALIVE_S = 30.0
MAX_REPLY_BYTES = 1 << 20
MAX_RETRY_AFTER_S = 3600.0
_MAX_DETAIL_CHARS = 300


class Sent(StrEnum):
    """Whether a request that raised may have reached the vendor."""

    NEVER = "never"
    PERHAPS = "perhaps"
    MISCONFIGURED = "misconfigured"
    """Never, and no retry would help: the address is wrong."""


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

_ROOTS = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)

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
class Clients:
    """Two connection pools over one TLS context."""

    read: httpx.Client
    """Keeps connections alive: a holding poll asks every few seconds."""
    submit: httpx.Client
    """Opens a new connection for every paid call. A kept-alive one may be dead by the time a frozen
    Lambda wakes, and its failure could not be told from an accepted request."""


def open_clients(transport: httpx.BaseTransport | None = None) -> Clients:
    """Return clients that ignore proxy variables, follow no redirect and bound every wait."""
    tls = httpx.create_ssl_context(trust_env=False)
    return Clients(
        read=_client(tls, transport, keep_alive=8), submit=_client(tls, transport, keep_alive=0)
    )


def _client(
    tls: ssl.SSLContext, transport: httpx.BaseTransport | None, *, keep_alive: int
) -> httpx.Client:
    return httpx.Client(
        verify=tls,
        trust_env=False,
        follow_redirects=False,
        transport=transport,
        timeout=_timeout(READ_TIMEOUT_S),
        limits=httpx.Limits(
            max_connections=8,
            max_keepalive_connections=keep_alive,
            keepalive_expiry=KEEP_ALIVE_S,
        ),
        # Replies are small, and a compressed one could not be bounded before it is unpacked.
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "dailies",
        },
    )


def _timeout(read_s: float) -> httpx.Timeout:
    return httpx.Timeout(
        connect=CONNECT_TIMEOUT_S, read=read_s, write=WRITE_TIMEOUT_S, pool=POOL_TIMEOUT_S
    )


@dataclass(frozen=True)
class Reply:
    """What a vendor answered, as far as it was read."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    received_at: dt.datetime

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON, or None where it is not JSON (or was too long)."""
        return parse_json(self.body)

    @property
    def retry_after_s(self) -> float | None:
        """How long the vendor asks us to wait, if it does (RFC 9110 §10.2.3)."""
        return retry_after_s(self.headers.get("retry-after"), self.received_at)


Collect = Callable[[Iterator[bytes]], bytes]
"""Turns the pieces of a reply into what is kept of it; may stop early."""


def collect_capped(pieces: Iterable[bytes]) -> bytes:
    """Return the pieces joined, cut at MAX_REPLY_BYTES."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_REPLY_BYTES:
            break
    return bytes(body[:MAX_REPLY_BYTES])


@dataclass(frozen=True)
class VendorApi:
    """Calls one vendor. Never sleeps or retries; each failure comes out as one of our errors."""

    vendor: str
    title: str
    clients: Clients = field(repr=False)
    clock: Clock = field(repr=False)

    def submit(self, url: str, *, headers: Mapping[str, str], body: Any, timeout_s: float) -> Reply:
        """POST a paid request as JSON and return the vendor's answer, whatever its status.

        Raises:
            ProviderUnavailableError: the request never left this machine.
            SubmitUnknownError: it may have arrived; there is no (whole) answer.
            ConfigurationError: the address is wrong.
        """
        try:
            request = self.clients.submit.build_request(
                "POST", url, headers=headers, json=body, timeout=_timeout(timeout_s)
            )
            return self._send(self.clients.submit, request, timeout_s, collect_capped)
        except _ROOTS as exc:
            failure, cause = self._explain(exc)
            if isinstance(failure, ProviderUnavailableError) and _sent(exc) is Sent.PERHAPS:
                failure = self.unknown()
            raise failure from cause

    def read(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        timeout_s: float = READ_TIMEOUT_S,
        collect: Collect = collect_capped,
    ) -> Reply:
        """Send a request that spends nothing and return the vendor's answer, whatever its status.

        Raises:
            ProviderUnavailableError: nothing was found out.
            ConfigurationError: the address is wrong.
        """
        try:
            request = self.clients.read.build_request(
                method,
                url,
                headers=headers,
                params=params,
                json=body,
                data=form,
                timeout=_timeout(timeout_s),
            )
            return self._send(self.clients.read, request, timeout_s, collect)
        except _ROOTS as exc:
            failure, cause = self._explain(exc)
            raise failure from cause

    def _send(
        self, client: httpx.Client, request: httpx.Request, timeout_s: float, collect: Collect
    ) -> Reply:
        until = self.clock.monotonic() + timeout_s
        response = client.send(request, stream=True)
        try:
            body = collect(self._pieces(response, until))
        finally:
            response.close()
        return Reply(response.status_code, response.headers, body, self.clock.now())

    def _pieces(self, response: httpx.Response, until: float) -> Iterator[bytes]:
        """Yield a reply's pieces. httpx bounds the wait for each; this bounds all together."""
        for piece in response.iter_bytes():
            yield piece
            if self.clock.monotonic() > until:
                raise httpx.ReadTimeout("The reply took too long.", request=response.request)

    def _explain(self, exc: Exception) -> tuple[PipelineError, Exception | None]:
        """Return our error and the cause that may be chained to it.

        h11 quotes an illegal header, and a header may be a credential: LocalProtocolError is not
        chained.
        """
        cause = None if isinstance(exc, httpx.LocalProtocolError) else exc
        if _sent(exc) is Sent.MISCONFIGURED:
            return ConfigurationError(
                f"The address configured for {self.title} is not valid."
            ), cause
        what = (
            "did not answer in time"
            if isinstance(exc, httpx.TimeoutException)
            else "could not be reached"
        )
        message = f"{self.title} {what} ({type(exc).__name__})."
        return ProviderUnavailableError(message, vendor=self.vendor), cause

    # ------------------------------------------------------------ what an answer means

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


# ---------------------------------------------------------------- reading what vendors write


def parse_json(text: bytes, *, partial: bool = False) -> Any:
    """Return the JSON value, or None where there is none; `partial` takes one that breaks off."""
    try:
        return from_json(text, allow_partial=partial)
    except ValueError:
        return None


def retry_after_s(value: str | None, now: dt.datetime) -> float | None:
    """Return a Retry-After header (seconds or HTTP date) as seconds from `now`, within an hour."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
        seconds = (at - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(seconds) else None


_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/_=.-]{40,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def tidy(text: Any, *secrets: str) -> str:
    """Return a vendor's words fit to keep: a short line without URLs, long tokens or secrets."""
    if not isinstance(text, str):
        return ""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    text = _LONG_TOKEN.sub("***", _URL.sub("<url>", _CONTROL.sub(" ", text)))
    return text.strip()[:_MAX_DETAIL_CHARS]


def credential(secret: Mapping[str, str], name: str, vendor: str) -> str:
    """Return a credential that is fit for a header.

    Raises:
        ConfigurationError: it is missing, or holds what no header may. The message does not quote
            it.
    """
    value = secret.get(name)
    value = value.strip() if isinstance(value, str) else ""
    if not value or not value.isascii() or not value.isprintable():
        raise ConfigurationError(f"The secret providers/{vendor} needs a usable {name!r}.")
    return value
