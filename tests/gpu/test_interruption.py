from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from enhance.errors import InterruptedRunError
from enhance.interruption import Interruption, SpotNotice, on_signals


class MetadataService(ThreadingHTTPServer):
    """IMDSv2 on loopback: a token first, then the notice, from the n-th question on."""

    def __init__(self, notice_from: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.notice_from = notice_from
        self.asked = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: MetadataService

    def do_PUT(self) -> None:
        assert self.path == "/latest/api/token"
        assert int(self.headers["X-aws-ec2-metadata-token-ttl-seconds"]) > 0
        self._reply(200, b"a-token")

    def do_GET(self) -> None:
        if self.headers["X-aws-ec2-metadata-token"] != "a-token":
            self._reply(401, b"")
            return
        assert self.path == "/latest/meta-data/spot/instance-action"
        self.server.asked += 1
        first = self.server.notice_from
        if first is None or self.server.asked < first:
            self._reply(404, b"not found")
            return
        told = {"action": "terminate", "time": "2026-11-21T08:22:00Z"}
        self._reply(200, json.dumps(told).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[MetadataService]:
    with MetadataService(request.param) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("service", [3], indirect=True)
def test_run_is_asked_to_stop_when_the_notice_comes(service: MetadataService) -> None:
    interruption = Interruption()
    with SpotNotice(interruption, endpoint=service.endpoint, poll_s=0.01):
        assert interruption.wait(10)
    assert service.asked == 3
    assert interruption.reason == "Spot notice: terminate at 2026-11-21T08:22:00Z"


@pytest.mark.parametrize("service", [None], indirect=True)
def test_nothing_happens_while_there_is_no_notice(service: MetadataService) -> None:
    assert SpotNotice(Interruption(), endpoint=service.endpoint).ask() is None


def test_silent_service_is_told_once_and_stops_nothing() -> None:
    told: list[str] = []
    heard = threading.Event()

    def warn(text: str) -> None:
        told.append(text)
        heard.set()

    interruption = Interruption()
    with SpotNotice(interruption, endpoint="http://127.0.0.1:9", poll_s=0.01, warn=warn):
        assert heard.wait(10)
        assert not interruption.wait(0.2)
    assert len(told) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_becomes_a_request(number: signal.Signals) -> None:
    interruption = Interruption()
    before = signal.getsignal(number)
    with on_signals(interruption):
        os.kill(os.getpid(), number)
        assert interruption.wait(5)
        # a second one is not for us any more
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before
    with pytest.raises(InterruptedRunError, match=number.name):
        interruption.check()


def test_first_reason_stays() -> None:
    interruption = Interruption()
    interruption.check()
    interruption.request("one")
    interruption.request("two")
    assert interruption.reason == "one"
