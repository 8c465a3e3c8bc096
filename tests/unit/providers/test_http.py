"""The clients: bounded in every direction, deaf to the environment, silent about credentials."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import httpx
import pytest
from provider_cases import FrozenClock

from dailies.domain.errors import ProviderUnavailableError, SubmitUnknownError
from dailies.providers import _http
from dailies.providers._failures import VendorErrors
from dailies.providers._http import Clients, VendorApi, collect_capped, open_clients

URL = "https://api.acme.example/v1/things"


class Drip(httpx.SyncByteStream):
    """A reply that comes in pieces, each after some time."""

    def __init__(self, pieces: list[bytes], clock: FrozenClock | None = None, each_s: float = 0):
        self.pieces, self.clock, self.each_s = pieces, clock, each_s
        self.sent = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.sent += 1
            if self.clock:
                self.clock.advance(self.each_s)
            yield piece

    def close(self) -> None:
        self.closed = True


def api_over(answer: httpx.Response | Exception, clock: FrozenClock | None = None) -> VendorApi:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    clients = open_clients(httpx.MockTransport(handle))
    return VendorApi(VendorErrors("acme", "Acme"), clients, clock or FrozenClock())


def test_clients_are_deaf_and_bounded_when_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")

    clients = open_clients()

    for client in (clients.read, clients.submit):
        assert client.trust_env is False
        assert client.follow_redirects is False
        assert all(seconds and seconds <= 30 for seconds in client.timeout.as_dict().values())
        assert client.headers["accept-encoding"] == "identity"


def test_paid_calls_never_reuse_a_connection_when_reads_keep_theirs() -> None:
    clients = open_clients()

    def kept(client: httpx.Client) -> int:
        return client._transport._pool._max_keepalive_connections  # type: ignore[attr-defined]

    assert kept(clients.submit) == 0
    assert kept(clients.read) > 0


def test_submit_posts_json_when_called() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"id": 1})

    client = httpx.Client(transport=httpx.MockTransport(handle))
    api = VendorApi(VendorErrors("acme", "Acme"), Clients(client, client), FrozenClock())

    reply = api.submit(URL, headers={"X-Key": "k"}, body={"a": 1}, timeout_s=7)

    assert (reply.status, reply.ok, reply.json()) == (201, True, {"id": 1})
    assert seen[0].method == "POST"
    assert seen[0].content == b'{"a":1}'
    assert seen[0].headers["x-key"] == "k"
    assert seen[0].extensions["timeout"]["read"] == 7
    assert seen[0].extensions["timeout"]["connect"] == _http.CONNECT_TIMEOUT_S


def test_read_sends_query_and_form_when_given() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404)

    client = httpx.Client(transport=httpx.MockTransport(handle))
    api = VendorApi(VendorErrors("acme", "Acme"), Clients(client, client), FrozenClock())

    reply = api.read("POST", URL, headers={}, params={"a": "b c"}, form={"x": "1"})

    assert (reply.status, reply.ok) == (404, False)
    assert str(seen[0].url) == f"{URL}?a=b+c"
    assert seen[0].content == b"x=1"


def test_reply_is_cut_when_it_is_too_long() -> None:
    stream = Drip([b"x" * 1_000_000] * 100)

    reply = api_over(httpx.Response(200, stream=stream)).read("GET", URL, headers={})

    assert len(reply.body) == _http.MAX_REPLY_BYTES
    assert stream.sent < 5
    assert stream.closed
    assert reply.json() is None


def test_reply_is_whole_when_it_is_short() -> None:
    assert collect_capped([b"a", b"b"]) == b"ab"


def test_slow_reply_is_given_up_when_all_its_pieces_take_too_long() -> None:
    clock = FrozenClock()
    stream = Drip([b"x"] * 100, clock, each_s=1.0)

    with pytest.raises(ProviderUnavailableError):
        api_over(httpx.Response(200, stream=stream), clock).read(
            "GET", URL, headers={}, timeout_s=10
        )

    assert stream.sent == 11
    assert stream.closed


def test_slow_reply_to_a_submit_is_unknown_when_all_its_pieces_take_too_long() -> None:
    clock = FrozenClock()
    stream = Drip([b"x"] * 100, clock, each_s=1.0)

    with pytest.raises(SubmitUnknownError):
        api_over(httpx.Response(200, stream=stream), clock).submit(
            URL, headers={}, body={}, timeout_s=10
        )


def test_cause_is_kept_when_the_network_fails() -> None:
    cause = httpx.ReadError("broken")

    with pytest.raises(SubmitUnknownError) as caught:
        api_over(cause).submit(URL, headers={}, body={}, timeout_s=1)

    assert caught.value.__cause__ is cause


def test_cause_is_left_out_when_it_may_quote_a_header() -> None:
    cause = httpx.LocalProtocolError("Illegal header value b'Bearer very-secret'")

    for call in ("submit", "read"):
        api = api_over(cause)
        with pytest.raises((SubmitUnknownError, ProviderUnavailableError)) as caught:
            if call == "submit":
                api.submit(URL, headers={}, body={}, timeout_s=1)
            else:
                api.read("GET", URL, headers={})
        assert "very-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["", "no-scheme", "ftp://x.example", "http://\x00"])
def test_nothing_is_sent_when_the_address_is_wrong(url: str) -> None:
    clients = open_clients()
    api = VendorApi(VendorErrors("acme", "Acme"), clients, FrozenClock())

    with pytest.raises(ProviderUnavailableError) as caught:
        api.submit(url, headers={}, body={}, timeout_s=1)
    assert "address" in str(caught.value)
