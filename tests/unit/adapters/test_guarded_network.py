"""The guard: what may be reached, and that the address that was checked is the one that is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import httpcore
import httpx
import pytest

from dailies.adapters.guarded_network import (
    GuardedBackend,
    GuardedTransport,
    check_url,
)
from dailies.adapters.public_addresses import is_public
from dailies.domain.errors import FetchRefusedError

NOBODY: frozenset[str] = frozenset()
LOCAL = frozenset({"127.0.0.1:8123", "[::1]:8123"})


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "2606:4700::1111",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_address_is_public_when_anyone_can_reach_it(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.9.10",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "192.0.0.8",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "2001:0:7f00:1::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%eth0",
        "fec0::1",
        "ff02::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "not an address",
        "",
    ],
)
def test_address_is_not_public_when_it_is_special_or_wraps_a_special_one(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.klingai.com/a.mp4?sig=1",
        "https://cdn.klingai.com:443/a.mp4",
        "https://CDN.KlingAI.com./a.mp4",
        "http://127.0.0.1:8123/a.mp4",
        "https://[::1]:8123/a.mp4",
    ],
)
def test_url_is_allowed_when_it_is_https_or_on_the_list(url: str) -> None:
    assert check_url(url, allow=LOCAL, hosts=["klingai.com"]).host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cdn.klingai.com/a.mp4",
        "//cdn.klingai.com/a.mp4",
        "http://cdn.klingai.com/a.mp4",
        "https://cdn.klingai.com:8443/a.mp4",
        "https://cdn.klingai.com:80/a.mp4",
        "https://user@cdn.klingai.com/a.mp4",
        "https://user:pass@cdn.klingai.com/a.mp4",
        "https://cdn.klingai.com@evil.example/a.mp4",
        "https://evilklingai.com/a.mp4",
        "https://klingai.com.evil.example/a.mp4",
        "https://cdn.klingai.com\\@evil.example/",
        "ftp://cdn.klingai.com/a.mp4",
        "file:///etc/passwd",
        "gopher://cdn.klingai.com/",
        "data:video/mp4;base64,AAAA",
        "https:///a.mp4",
        "https://",
        "https://cdn.klingai.com\r\nX: y/a.mp4",
        "https://cdn.klingai.com/" + "a" * 9000,
        "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
        "http://127.0.0.1:8124/",
        "http://localhost:8123/",
        "http://user@127.0.0.1:8123/",
        "http://[::1]:9001/",
        "http://[::1",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://evil.0x7f/",
        "https://a..b/",
        "https://cdn.klingai.com:99999/",
    ],
)
def test_url_is_refused_when_it_is_anything_else(url: str) -> None:
    with pytest.raises(FetchRefusedError) as caught:
        check_url(url, allow=LOCAL, hosts=["klingai.com", "evil.0x7f", "127.1", "0177.0.0.1"])
    assert "sig=" not in str(caught.value)


class RecordingNetwork(httpcore.NetworkBackend):
    """Remembers where it was asked to connect, and refuses the addresses of `down`."""

    def __init__(self, down: Sequence[str] = ()) -> None:
        self.connected: list[tuple[str, int]] = []
        self.down = down

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        if host in self.down:
            raise httpcore.ConnectError("refused")
        return httpcore.MockStream([b"HTTP/1.1 204 No Content\r\n\r\n"])


def fetch_status(backend: GuardedBackend, url: str) -> int:
    with httpx.Client(transport=GuardedTransport(backend), trust_env=False) as client:
        return client.get(url).status_code


def test_connection_goes_to_the_address_that_was_checked_when_the_name_changes_its_answer() -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers.pop(0)

    network = RecordingNetwork()
    backend = GuardedBackend(allow=NOBODY, resolve=rebinding, inner=network)

    assert fetch_status(backend, "https://rebind.example/") == 204
    assert asked == ["rebind.example"]
    assert network.connected == [("93.184.216.34", 443)]
    with pytest.raises(FetchRefusedError):
        fetch_status(backend, "https://rebind.example/")
    assert len(network.connected) == 1


def test_nothing_is_connected_when_one_of_several_addresses_is_private() -> None:
    network = RecordingNetwork()
    addresses = ["93.184.216.34", "10.0.0.1"]
    backend = GuardedBackend(allow=NOBODY, resolve=lambda h, p: addresses, inner=network)
    with pytest.raises(FetchRefusedError):
        fetch_status(backend, "https://mixed.example/")
    assert network.connected == []


def test_next_address_is_tried_when_the_first_does_not_answer() -> None:
    network = RecordingNetwork(down=["2606:4700::1111"])
    addresses = ["2606:4700::1111", "93.184.216.34"]
    backend = GuardedBackend(allow=NOBODY, resolve=lambda h, p: addresses, inner=network)
    assert fetch_status(backend, "https://both.example/") == 204
    assert [host for host, _ in network.connected] == addresses


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
def test_name_is_unreachable_when_it_cannot_be_resolved(error: Exception) -> None:
    def failing(host: str, port: int) -> list[str]:
        raise error

    backend = GuardedBackend(allow=NOBODY, resolve=failing, inner=RecordingNetwork())
    with pytest.raises(httpx.ConnectError):
        fetch_status(backend, "https://nowhere.example/")


def test_sockets_in_the_file_system_are_refused() -> None:
    with pytest.raises(FetchRefusedError):
        GuardedBackend(allow=NOBODY).connect_unix_socket("/run/docker.sock")
