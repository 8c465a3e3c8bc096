"""An AWS that takes everything: enough of it for creating and reading jobs.

It runs in a process of its own, so that its work is not counted as the handlers'.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class _Stub(BaseHTTPRequestHandler):
    """Answers by the call's name; remembers the jobs, so that they can be read."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    jobs: ClassVar[dict[str, Mapping[str, Any]]] = {}
    starts_refused_after: int | None = None
    starts = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        call = self.headers["x-amz-target"].rpartition(".")[2]
        status, answer = self._answer(call, body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, call: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        if call == "TransactWriteItems":
            rows = [item["Put"]["Item"] for item in body["TransactItems"] if "Put" in item]
            self.jobs.update({row["pk"]["S"]: row for row in rows if row["sk"] == {"S": "JOB"}})
        if call == "GetItem":
            row = self.jobs.get(body["Key"]["pk"]["S"])
            return 200, {"Item": row} if row else {}
        if call == "StartExecution":
            _Stub.starts += 1
            limit = _Stub.starts_refused_after
            if limit is not None and _Stub.starts > limit:
                return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
            return 200, {"executionArn": "arn:aws:states:eu-west-1:1:execution:m:n", "startDate": 1}
        return 200, {}

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _serve(ports: Any, starts_refused_after: int | None) -> None:
    _Stub.starts_refused_after = starts_refused_after
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stub)
    ports.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def stub_aws(starts_refused_after: int | None = None) -> Iterator[str]:
    """Serve until the block ends; the value is the endpoint's address."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_serve, args=(send, starts_refused_after), daemon=True)
    child.start()
    try:
        yield f"http://127.0.0.1:{receive.recv()}"
    finally:
        child.terminate()
        child.join()
