"""Fetches results from addresses that a vendor named: guarded, resumable, keys to one origin."""

from __future__ import annotations

import datetime as dt
import re
import ssl
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Final

import httpx

from dailies.adapters.base64_member import base64_member
from dailies.adapters.guarded_network import LOCATION, Resolve, check_url, guarded_client, resolve
from dailies.domain.errors import FetchBrokenError, FetchRefusedError
from dailies.domain.outcomes import Download
from dailies.domain.ports import FetchedHead

_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TRANSIENT: Final = frozenset({408, 425, 429})
_RANGE_NOT_SATISFIABLE: Final = 416
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_TIMEOUT: Final = httpx.Timeout(20.0, connect=10.0)
"""Read: the longest silence, not the whole download."""


class GuardedFetcher:
    """The Fetcher port over the guarded network.

    Args:
        allow: `host:port` pairs that may be reached although they are not public or not HTTPS:
            the local stage's simulators.
        resolve: looks names up.
        tls: whom to trust; the public authorities by default.
        timeout: longest waits for a connection and between two bytes.
    """

    def __init__(
        self,
        allow: frozenset[str] = frozenset(),
        *,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._tls = tls
        self._timeout = timeout

    @cached_property
    def _client(self) -> httpx.Client:
        return guarded_client(
            allow=self._allow, timeout=self._timeout, resolve=self._resolve, tls=self._tls
        )

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()

    @contextmanager
    def open(
        self,
        download: Download,
        *,
        start: int = 0,
        validator: str | None = None,
        hosts: Sequence[str] = (),
    ) -> Generator[tuple[FetchedHead, Iterator[bytes]]]:
        """Open a stream of bytes from `start` on (a range with `If-Range` when `start` > 0).

        The iterator raises FetchBrokenError when the stream ends early. A base64 member always
        starts at 0. `hosts`: host suffixes that the address, and each redirect's, must be below;
        empty for no such limit.

        Raises:
            FetchRefusedError: the address is not allowed, or the source answered 4xx (`status`).
            FetchBrokenError: the source could not be reached, answered 5xx or 429, or broke off.
        """
        start = 0 if download.base64_member else start
        response = self._answer(download, _range(start, validator), hosts)
        if response.status_code == _RANGE_NOT_SATISFIABLE and start:
            response.close()
            response, start = self._answer(download, {}, hosts), 0
        try:
            head = _head(response, start)
            chunks = _chunks(response)
            if download.base64_member:
                head = FetchedHead(head.status, download.content_type, None, 0, None)
                chunks = base64_member(chunks, download.base64_member.path)
            yield head, chunks
        finally:
            response.close()

    def _answer(
        self, download: Download, extra: Mapping[str, str], hosts: Sequence[str]
    ) -> httpx.Response:
        """Return the answer behind at most three redirects, each address checked anew."""
        url = check_url(download.url, allow=self._allow, hosts=hosts)
        own: Mapping[str, str] = download.headers
        for _ in range(_MAX_REDIRECTS):
            response = self._send(download, url, {**own, **extra})
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            target = check_url(_target(download, response), allow=self._allow, hosts=hosts)
            if _origin(target) != _origin(url):
                own = {}
            url = target
        response = self._send(download, url, {**own, **extra})
        if response.status_code not in _REDIRECTS:
            return response
        response.close()
        raise FetchRefusedError(f"{url.host} redirects too often.", status=response.status_code)

    def _send(
        self, download: Download, url: httpx.URL, headers: Mapping[str, str]
    ) -> httpx.Response:
        request = self._client.build_request(
            download.method, url, headers=headers, content=download.body
        )
        request.headers["Accept-Encoding"] = "identity"
        try:
            return self._client.send(request, stream=True)
        except httpx.TransportError as exc:
            raise FetchBrokenError(f"{url.host}: {type(exc).__name__}") from exc


def _range(start: int, validator: str | None) -> dict[str, str]:
    if not start:
        return {}
    headers = {"Range": f"bytes={start}-"}
    return {**headers, "If-Range": validator} if validator else headers


def _target(download: Download, response: httpx.Response) -> httpx.URL:
    """Return where a redirect leads."""
    location: str | None = response.extensions.get(LOCATION)
    if download.method != "GET" or not location:
        raise FetchRefusedError(
            f"{response.url.host} redirects without need.", status=response.status_code
        )
    try:
        return response.url.join(location)
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise FetchRefusedError(f"{response.url.host} redirects to no address.") from exc


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _head(response: httpx.Response, start: int) -> FetchedHead:
    """Return what the answer says of the bytes to come, or raise where none are."""
    status, host = response.status_code, response.url.host
    if 400 <= status < 500 and status not in _TRANSIENT:
        raise FetchRefusedError(f"{host} answered {status}.", status=status)
    if status not in (200, 206):
        raise FetchBrokenError(f"{host} answered {status}.")
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise FetchRefusedError(f"{host} sends the file encoded ({encoding[:20]}).")
    first, total = _extent(response, start)
    return FetchedHead(
        status=status,
        content_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
        total_bytes=total,
        start=first,
        validator=_validator(response.headers),
    )


def _extent(response: httpx.Response, start: int) -> tuple[int, int | None]:
    """Return the position of the first byte and the size of the whole file."""
    if response.status_code == 200:
        length = response.headers.get("content-length", "")
        return 0, int(length) if length.isdecimal() else None
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if not start or match is None or int(match[1]) != start:
        raise FetchBrokenError(f"{response.url.host} sent another range than the one asked for.")
    return start, None if match[3] == "*" else int(match[3])


def _validator(headers: httpx.Headers) -> str | None:
    """Return what `If-Range` may carry: a strong ETag or Last-Modified (RFC 9110 §8.8.2.2)."""
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    modified, date = _date(headers.get("last-modified")), _date(headers.get("date"))
    if modified and date and date - modified >= dt.timedelta(seconds=1):
        return headers["last-modified"]
    return None


def _date(value: str | None) -> dt.datetime | None:
    try:
        return parsedate_to_datetime(value).astimezone(dt.UTC) if value else None
    except (ValueError, OverflowError):  # a year that no date has
        return None


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw()
    except httpx.TransportError as exc:
        raise FetchBrokenError(f"{response.url.host}: {type(exc).__name__}") from exc
