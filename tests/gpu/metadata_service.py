"""The instance metadata service of a Spot machine, on loopback."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


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
