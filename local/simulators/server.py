"""HTTP plumbing: a threaded HTTP/1.1 server with keep-alive, and routes by pattern.

A vendor's failures are part of its wire format here: an answer may be cut short, slowed down or
never sent.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local.simulators.clock import Sleeper

_CHUNK_BYTES = 64 * 1024
_MAX_BODY_BYTES = 128 * 1024 * 1024


class DropConnection(Exception):
    """Close the socket without answering."""


@dataclass(frozen=True)
class Request:
    """One HTTP request, read completely."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    params: dict[str, str] = field(default_factory=dict)
    """What the route's pattern captured, percent-decoded."""

    def json(self) -> Any:
        """Return the body as JSON, or raise ValueError."""
        return json.loads(self.body)

    def arg(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None


@dataclass(frozen=True)
class Response:
    """One HTTP answer, and how badly to send it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pace_bytes_per_s: int | None = None
    """Send the body no faster than this."""
    cut_after_bytes: int | None = None
    """Close the connection after so many bytes of the body, though Content-Length promised more."""


def json_response(status: int, document: Any, headers: dict[str, str] | None = None) -> Response:
    """Return `document` as a JSON answer."""
    all_headers = {"Content-Type": "application/json; charset=utf-8"} | (headers or {})
    return Response(status, all_headers, json.dumps(document, ensure_ascii=False).encode())


Handler = Callable[[Request], Response]


class Router:
    """Finds the handler of a request: first match wins."""

    def __init__(self, fallback: Handler) -> None:
        """Answer with `fallback` where no route fits."""
        self._fallback = fallback
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Add a route; `{name}` captures one path segment and `{name:path}` the rest."""
        regex = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", pattern)
        regex = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", regex)
        self._routes.append((method, re.compile(f"^{regex}$"), handler))

    def __call__(self, request: Request) -> Response:
        """Answer the request."""
        for method, pattern, handler in self._routes:
            match = pattern.match(request.path)
            if match and method == request.method:
                params = {name: unquote(value) for name, value in match.groupdict().items()}
                return handler(Request(**{**request.__dict__, "params": params}))
        return self._fallback(request)


class HttpServer:
    """Serves one handler on one port, in threads, until stopped."""

    def __init__(self, handler: Handler, *, host: str, port: int, sleeper: Sleeper) -> None:
        """Bind the port (0 takes a free one) without serving yet."""
        self._server = _Server((host, port), handler, sleeper)
        self._thread = threading.Thread(target=self._server.accept_until_woken, daemon=True)
        bound_host, bound_port = self._server.server_address[:2]
        self.base_url = f"http://{bound_host!s}:{bound_port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close every open connection."""
        if self._thread.is_alive():
            self._server.wake()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Handler, sleeper: Sleeper) -> None:
        self.handler = handler
        self.sleeper = sleeper
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._wake_reader, self._wake_writer = socket.socketpair()
        super().__init__(address, _Connection)

    def accept_until_woken(self) -> None:
        """Serve until `wake`. Unlike `serve_forever` this neither polls nor makes `stop` wait."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake_reader in ready:
                    return
                self._handle_request_noblock()  # type: ignore[attr-defined]

    def wake(self) -> None:
        """End `accept_until_woken`."""
        self._wake_writer.send(b"x")

    def server_close(self) -> None:
        """Release the port."""
        super().server_close()
        self._wake_reader.close()
        self._wake_writer.close()

    def server_bind(self) -> None:
        """Bind without the reverse name look-up of the parent class, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = (
            str(self.server_address[0]),
            int(self.server_address[1]),
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the connections that clients keep alive; each thread then closes its own socket."""
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was quicker
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a client that went away; anything else is a bug and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method, known or not, is the handler's to judge
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log: the simulators count requests themselves."""

    def version_string(self) -> str:
        """Name the server."""
        return "dailies-simulator"

    def _serve(self) -> None:
        try:
            response = self.server.handler(self._read_request())
        except DropConnection:
            self.close_connection = True
            return
        self._send(response)

    def _read_request(self) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        target = urlsplit(self.path)
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(min(int(headers.get("content-length", 0)), _MAX_BODY_BYTES))
        query = parse_qs(target.query, keep_blank_values=True)
        return Request(self.command, target.path, query, headers, body)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue

    def _send(self, response: Response) -> None:
        headers = {"Content-Length": str(len(response.body))} | response.headers
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if response.cut_after_bytes is not None:
            self.close_connection = True
        body = response.body[: response.cut_after_bytes]
        if self.command == "HEAD":
            body = b""
        # Head and first bytes go out in one write: a second small one may wait for its turn.
        first = body if response.pace_bytes_per_s is None else b""
        self._headers_buffer.append(b"\r\n" + first[:_CHUNK_BYTES])  # type: ignore[attr-defined]
        self.flush_headers()
        if response.pace_bytes_per_s is None:
            self.wfile.write(memoryview(body)[_CHUNK_BYTES:])
        else:
            self._send_slowly(body, response.pace_bytes_per_s)

    def _send_slowly(self, body: bytes, bytes_per_s: int) -> None:
        step = max(1, bytes_per_s // 10)
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.server.sleeper.sleep(min(step, len(body) - start) / bytes_per_s)
