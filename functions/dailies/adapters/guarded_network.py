"""The network for addresses that somebody else chose (design §5): only public ones, looked up once.

A name is resolved a single time; every address it has must be public; the connection goes to
exactly one of those addresses. So a name that changes its answer between check and use (DNS
rebinding) gains nothing. TLS still checks the name, because httpcore takes SNI and `Host` from the
URL, not from what the backend connected to.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import httpcore
import httpx

from dailies.adapters.public_addresses import is_plain_host, is_public, pair
from dailies.domain.errors import FetchRefusedError

Resolve = Callable[[str, int], Sequence[str]]
"""Returns every address of a name; raises OSError when there is none."""

LOCATION: Final = "dailies.location"
"""The extension of a response that holds its `Location` header."""
_MAX_URL_CHARS: Final = 8192


def resolve(host: str, port: int) -> Sequence[str]:
    """Return every address that the system's resolver has for a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_url(
    url: str | httpx.URL, *, allow: frozenset[str], hosts: Sequence[str] = ()
) -> httpx.URL:
    """Return the parsed URL of a request that may be made: HTTPS on port 443 without user data.

    `host:port` pairs in `allow` (the local stage's simulators) are taken as they are. Where
    `hosts` is not empty, the host must be one of them or below one.

    Raises:
        FetchRefusedError: anything else. The message names the host, never path or query, which
            may hold a signature.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise FetchRefusedError("The address is not a URL.") from exc
    host = parsed.host
    if parsed.scheme not in ("https", "http") or len(str(parsed)) > _MAX_URL_CHARS:
        raise FetchRefusedError(f"The address ({parsed.scheme or 'no scheme'}) is not HTTPS.")
    if not is_plain_host(parsed.raw_host.decode("ascii", "replace")):
        raise FetchRefusedError("The address names no host, or writes it in a strange way.")
    if parsed.userinfo:
        raise FetchRefusedError(f"The address of {host} holds user data.")
    if pair(host, parsed.port or {"https": 443, "http": 80}[parsed.scheme]) in allow:
        return parsed
    if parsed.scheme != "https" or parsed.port not in (None, 443):
        raise FetchRefusedError(f"{host} may be reached by HTTPS on port 443 only.")
    if hosts and not any(_below(host, suffix) for suffix in hosts):
        raise FetchRefusedError(f"{host} is not a host this vendor's results come from.")
    return parsed


def _below(host: str, suffix: str) -> bool:
    name = host.rstrip(".").lower()
    return name == suffix or name.endswith(f".{suffix}")


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to public addresses, and to the `host:port` pairs of `allow`."""

    def __init__(
        self,
        *,
        allow: frozenset[str],
        resolve: Resolve = resolve,
        inner: httpcore.NetworkBackend | None = None,
        limit_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._inner = inner or httpcore.SyncBackend()
        self._limit_s = limit_s
        self._monotonic = monotonic

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the name's addresses that answers.

        Raises:
            FetchRefusedError: one of the name's addresses is not public.
            httpcore.ConnectError: the name has no address, or none answered.
        """
        ends_at = None if self._limit_s is None else self._monotonic() + self._limit_s
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._addresses(host, port):
            try:
                stream = self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return _LimitedStream(stream, ends_at, self._monotonic) if ends_at else stream
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure or httpcore.ConnectError(f"{host} has no address.")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as exc:
            raise httpcore.ConnectError(f"{host} could not be resolved.") from exc
        if pair(host, port) not in self._allow and not all(map(is_public, addresses)):
            raise FetchRefusedError(f"{host} is not on the public internet.")
        return addresses

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Refuse: nothing outside is reached through a file."""
        raise FetchRefusedError("Unix sockets are not public addresses.")


class _LimitedStream(httpcore.NetworkStream):
    """A connection that ends at a given time, however its other side spreads its bytes."""

    def __init__(
        self, inner: httpcore.NetworkStream, ends_at: float, monotonic: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._ends_at = ends_at
        self._monotonic = monotonic

    def _left(self, timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
        left = self._ends_at - self._monotonic()
        if left <= 0:
            raise error("The time for this connection is over.")
        return left if timeout is None else min(left, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within the time left."""
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within the time left."""
        self._inner.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Go on under TLS, within the time left."""
        left = self._left(timeout, httpcore.ConnectTimeout)
        secured = self._inner.start_tls(ssl_context, server_hostname, left)
        return _LimitedStream(secured, self._ends_at, self._monotonic)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._inner.get_extra_info(info)


class GuardedTransport(httpx.HTTPTransport):
    """An httpx transport whose connections all go through a GuardedBackend; knows no proxy."""

    def __init__(self, backend: GuardedBackend, *, tls: ssl.SSLContext | None = None) -> None:
        context = tls or httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            network_backend=backend,
            max_connections=4,
            max_keepalive_connections=2,
            keepalive_expiry=5.0,
        )


def guarded_client(
    *,
    allow: frozenset[str],
    timeout: httpx.Timeout,
    resolve: Resolve = resolve,
    tls: ssl.SSLContext | None = None,
    limit_s: float | None = None,
) -> httpx.Client:
    """Return an httpx client that reaches public addresses only and follows no redirect.

    `limit_s` bounds the whole life of each connection.
    """
    backend = GuardedBackend(allow=allow, resolve=resolve, limit_s=limit_s)
    return httpx.Client(
        transport=GuardedTransport(backend, tls=tls),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "dailies"},
        event_hooks={"response": [_set_location_aside]},
    )


def _set_location_aside(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads.

    It would take an address that it cannot parse for a broken answer.
    """
    response.extensions[LOCATION] = response.headers.pop("location", None)
