"""Posts to addresses that a caller chose (webhooks), over the guarded network."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import Final

import httpx

from dailies.adapters.guarded_network import Resolve, check_url, guarded_client, resolve
from dailies.domain.errors import FetchBrokenError

_MAX_ANSWER_BYTES: Final = 1024


class GuardedPoster:
    """The WebhookPoster port: one POST to a public HTTPS address, or to a `host:port` of `allow`.

    Follows no redirect and tries nothing again: a redirect's status is an answer like any other.
    """

    def __init__(
        self,
        allow: frozenset[str] = frozenset(),
        *,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or httpx.create_ssl_context(trust_env=False)

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        """Return the answer's status and at most the first KiB of its body.

        Raises:
            FetchRefusedError: the address is not one we may send to; nothing was sent.
            FetchBrokenError: no answer within `timeout_s`, or the connection failed.
        """
        target = check_url(url, allow=self._allow)
        # A connection of its own, so that the time limit holds for all of it: an endpoint that
        # sends a byte now and then would outlast any limit on a single read.
        client = guarded_client(
            allow=self._allow,
            timeout=httpx.Timeout(timeout_s),
            resolve=self._resolve,
            tls=self._tls,
            limit_s=timeout_s,
        )
        try:
            with (
                client,
                client.stream("POST", target, headers=dict(headers), content=body) as response,
            ):
                return response.status_code, _first_bytes(response)
        except httpx.TransportError as exc:
            raise FetchBrokenError(f"{target.host}: {type(exc).__name__}") from exc


def _first_bytes(response: httpx.Response) -> bytes:
    """Read no more than is kept; an answer that breaks off has still been given."""
    first = bytearray()
    try:
        for chunk in response.iter_raw():
            first += chunk[: _MAX_ANSWER_BYTES - len(first)]
            if len(first) == _MAX_ANSWER_BYTES:
                break
    except httpx.TransportError:
        return bytes(first)
    return bytes(first)
