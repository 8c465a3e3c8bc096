"""A source on a real socket that misbehaves as told."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Fault:
    """What goes wrong with one answer."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    breaks_at: int | None = None
    """Position in the file after which the connection is closed."""
    ranges: bool = True
    etag: str | None = '"v1"'
    pause_s: float = 0.0
    """Silence before the first byte."""
    content_range: str | None = None
    chunked: bool = False
    drip_s: float = 0.0
    """Pause after each byte of the head."""


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Source:
    """Serves `data` on every path, or what `redirects` say; each request uses up one fault."""

    data: bytes
    faults: list[Fault] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/video.mp4") -> str:
        return f"{self.scheme}://{self.pair}{path}"

    def next_fault(self) -> Fault:
        return self.faults.pop(0) if self.faults else Fault()


@contextmanager
def serving(source: Source, tls: ssl.SSLContext | None = None) -> Iterator[Source]:
    """Serve a source until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            source.asked.append(Asked(self.command, self.path, headers, self.rfile.read(length)))
            self.close_connection = True
            try:
                _answer(self, source, source.next_fault())
            except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
                pass

        do_POST = do_GET  # noqa: N815

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        source.scheme = "https"
    source.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, source: Source, fault: Fault) -> None:
    time.sleep(fault.pause_s)
    if handler.path in source.redirects:
        _head(
            handler,
            302,
            [("Location", source.redirects[handler.path]), ("Content-Length", "0")],
            fault,
        )
        return
    if fault.status is not None:
        _head(handler, fault.status, [("Content-Length", "2"), *fault.headers], fault)
        handler.wfile.write(b"no")
        return
    start, status = _start(handler, source, fault), 200
    headers = [("Content-Type", "video/mp4; charset=binary"), *fault.headers]
    if fault.etag:
        headers.append(("ETag", fault.etag))
    if start is not None:
        status = 206
        whole = f"bytes {start}-{len(source.data) - 1}/{len(source.data)}"
        headers.append(("Content-Range", fault.content_range or whole))
    at = start or 0
    if fault.chunked:
        headers.append(("Transfer-Encoding", "chunked"))
    else:
        headers.append(("Content-Length", str(len(source.data) - at)))
    _head(handler, status, headers, fault)
    end = len(source.data) if fault.breaks_at is None else fault.breaks_at
    body = source.data[at:end]
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body) if fault.chunked else body)
    if fault.chunked and fault.breaks_at is None:
        handler.wfile.write(b"0\r\n\r\n")


def _start(handler: BaseHTTPRequestHandler, source: Source, fault: Fault) -> int | None:
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if asked is None or not fault.ranges:
        return None
    unchanged = handler.headers.get("If-Range") in (None, fault.etag)
    return int(asked[1]) if unchanged else None


def _head(
    handler: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], fault: Fault
) -> None:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
    if not fault.drip_s:
        handler.wfile.write(head)
        return
    for i in range(len(head)):
        handler.wfile.write(head[i : i + 1])
        time.sleep(fault.drip_s)


def inline_reply(data: bytes) -> bytes:
    """Return a vendor's JSON reply that holds a video as base64."""
    video = {"mimeType": "video/mp4", "bytesBase64Encoded": base64.b64encode(data).decode()}
    return json.dumps({"done": True, "response": {"videos": [video]}}).encode()
