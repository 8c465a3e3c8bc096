"""One local port for everything a user calls: hands each request to the deployed HTTP API."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""RFC 9110 §7.6.1: for one connection only, never handed on."""
_TIMEOUT_S = 35


class FrontDoor:
    """Listens on one port at once, and answers 503 until it knows the API's address."""

    def __init__(self, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The base URL that users call."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def lead_to(self, host: str, port: int, path: str) -> None:
        """Hand requests on to this origin, below `path`."""
        self._server.upstream = (host, port, path.rstrip("/"))

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: tuple[str, int, str] | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def _serve(self) -> None:
        try:
            body = self._body()
        except ValueError:
            self.close_connection = True
            self._answer(400, {}, b"The length of the body is not a number.\n")
            return
        if self.server.upstream is None:
            self._answer(503, {"Retry-After": "5"}, b"The stacks are still being deployed.\n")
            return
        host, port, below = self.server.upstream
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request(self.command, below + self.path, body, self._headers())
            reply = connection.getresponse()
            self._answer(reply.status, dict(reply.getheaders()), reply.read())
        except (OSError, http.client.HTTPException):
            self._answer(502, {}, b"The local API did not answer.\n")
        finally:
            connection.close()

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve every method: which ones there are is for the API to say."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length else None

    def _chunks(self) -> Iterator[bytes]:
        """Yield the parts of a body that comes in chunks (RFC 9112 §7.1), and read past its end."""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue

    def _headers(self) -> dict[str, str]:
        left_out = _HOP_BY_HOP | {"host", "content-length"}
        return {k: v for k, v in self.headers.items() if k.lower() not in left_out}

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP | {"content-length", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the functions log what they serve, without paths."""
