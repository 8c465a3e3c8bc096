"""Which webhook addresses can be delivered to at all, told when a job is created.

What a name resolves to is looked at with each delivery (`guarded_network`); here nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from dailies.adapters.public_addresses import is_address, is_plain_host, is_public, pair
from dailies.domain.errors import FetchRefusedError

_PORTS: Final = {"https": 443, "http": 80}


def webhook_check(allow: Iterable[str]) -> Callable[[str], None]:
    """Return a check that raises FetchRefusedError for an address that nothing can be sent to.

    `host:port` pairs in `allow` (a laptop's receivers) are taken as they are.
    """
    allowed = frozenset(allow)

    def check(url: str) -> None:
        host, port, parts = _parsed(url)
        if "@" in parts.netloc:
            raise FetchRefusedError("The address holds user data.")
        if pair(host, port) in allowed:
            return
        if parts.scheme != "https" or port != _PORTS["https"]:
            raise FetchRefusedError("Webhooks are sent by HTTPS to port 443 only.")
        if host == "localhost" or host.endswith(".localhost"):
            raise FetchRefusedError("localhost is not on the public internet.")
        if is_address(host) and not is_public(host):
            raise FetchRefusedError("The address is not on the public internet.")

    return check


def _parsed(url: str) -> tuple[str, int, SplitResult]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode().removesuffix(".")
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as exc:  # a host or a port that cannot be one; another scheme
        raise FetchRefusedError("The address is not a URL that can be posted to.") from exc
    if not is_plain_host(host):
        raise FetchRefusedError("The address names no host, or writes it in a strange way.")
    return host, port, parts
