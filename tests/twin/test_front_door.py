"""The front door hands on what it gets, whatever the method and the framing."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.twin.front_door import FrontDoor


@contextmanager
def upstream() -> Iterator[tuple[int, list[tuple[str, str, bytes]]]]:
    """Serve 405 to everything, and keep method, path and body of each request."""
    seen: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            seen.append((self.command, self.path, self.rfile.read(length)))
            self.send_response(405)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_TRACE = do_POST = do_BREW = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def seen_and_door() -> Iterator[tuple[list[tuple[str, str, bytes]], http.client.HTTPConnection]]:
    with upstream() as (port, seen), FrontDoor() as door:
        door.lead_to("127.0.0.1", port, "/below/")
        connection = http.client.HTTPConnection(door.url.removeprefix("http://"), timeout=10)
        yield seen, connection
        connection.close()


Door = tuple[list[tuple[str, str, bytes]], http.client.HTTPConnection]


@pytest.mark.parametrize("method", ["TRACE", "BREW"])
def test_the_api_answers_when_a_method_is_unusual(seen_and_door: Door, method: str) -> None:
    seen, connection = seen_and_door
    connection.request(method, "/v1/jobs")
    assert connection.getresponse().status == 405
    assert seen == [(method, "/below/v1/jobs", b"")]


def test_body_is_handed_on_when_it_comes_in_chunks(seen_and_door: Door) -> None:
    seen, connection = seen_and_door
    connection.request("POST", "/v1/jobs", iter([b'{"a":', b"1}"]), encode_chunked=True)
    assert connection.getresponse().status == 405
    assert seen == [("POST", "/below/v1/jobs", b'{"a":1}')]


def test_request_is_refused_when_its_length_is_no_number(seen_and_door: Door) -> None:
    seen, connection = seen_and_door
    connection.request("POST", "/v1/jobs", headers={"Content-Length": "many"})
    assert connection.getresponse().status == 400
    assert seen == []
