"""The one way in which adapters talk HTTP: two clients, bounded waits, bounded replies."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from dailies.domain.ports import Clock
from dailies.providers._failures import ROOTS, VendorErrors
from dailies.providers._replies import Reply

CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 30.0
POOL_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0
KEEP_ALIVE_S = 30.0
MAX_REPLY_BYTES = 1 << 20


@dataclass(frozen=True)
class Clients:
    """Two connection pools over one TLS context."""

    read: httpx.Client
    """Keeps connections alive: a holding poll asks every few seconds."""
    submit: httpx.Client
    """Opens a new connection for every paid call. A kept-alive one may be dead by the time a frozen
    Lambda wakes, and its failure could not be told from an accepted request."""

    def close(self) -> None:
        """Close every connection."""
        self.read.close()
        self.submit.close()


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

    errors: VendorErrors
    clients: Clients = field(repr=False)
    clock: Clock = field(repr=False)

    def submit(self, url: str, *, headers: Mapping[str, str], body: Any, timeout_s: float) -> Reply:
        """POST a paid request as JSON and return the vendor's answer, whatever its status.

        Raises:
            ProviderUnavailableError: the request never left this machine.
            SubmitUnknownError: it may have arrived; there is no (whole) answer.
        """
        try:
            request = self.clients.submit.build_request(
                "POST", url, headers=headers, json=body, timeout=_timeout(timeout_s)
            )
            return self._send(self.clients.submit, request, timeout_s, collect_capped)
        except ROOTS as exc:
            raise self.errors.no_answer(exc, paid=True) from _chainable(exc)

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
        except ROOTS as exc:
            raise self.errors.no_answer(exc, paid=False) from _chainable(exc)

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


def _chainable(exc: Exception) -> Exception | None:
    """Return the exception unless its text may hold a credential: h11 quotes an illegal header."""
    return None if isinstance(exc, httpx.LocalProtocolError) else exc
