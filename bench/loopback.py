"""The two ends of a transfer on loopback: a sparse file, and a bucket that forgets."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

MP4_HEAD = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"
_READ_BYTES = 1024 * 1024


class Source(BaseHTTPRequestHandler):
    """Serves the file with its size, and nothing else."""

    protocol_version = "HTTP/1.1"
    file: BinaryIO
    size_bytes: int

    def do_GET(self) -> None:
        """Send all of it."""
        head = (
            'HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nETag: "bench"\r\n'
            f"Content-Length: {self.size_bytes}\r\n\r\n"
        )
        self.connection.sendall(head.encode())
        self.connection.sendfile(self.file, 0, self.size_bytes)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Bucket(BaseHTTPRequestHandler):
    """Answers the calls of a multipart upload as S3 does; keeps digests only."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        """There is nothing here yet."""
        self._send(404, b"")

    def do_POST(self) -> None:
        """Begin or complete an upload."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if "uploadId=" not in self.path:
            answer = b"<R><UploadId>u</UploadId></R>"
            return self._send(200, answer)
        digests = re.findall(rb"<ChecksumSHA256>([^<]+)<", body)
        joined = b"".join(map(base64.b64decode, digests))
        composite = base64.b64encode(hashlib.sha256(joined).digest()).decode() + f"-{len(digests)}"
        self._send(
            200,
            f"<CompleteMultipartUploadResult><ChecksumSHA256>{composite}</ChecksumSHA256>"
            "</CompleteMultipartUploadResult>".encode(),
        )

    def do_PUT(self) -> None:
        """Read a part or an object, and forget it."""
        left, buffer = int(self.headers["content-length"]), bytearray(_READ_BYTES)
        view = memoryview(buffer)
        while left > 0:
            got = self.rfile.readinto1(view[: min(left, _READ_BYTES)])  # type: ignore[attr-defined]
            if not got:
                return
            left -= got
        self._send(200, b"", ("ETag", '"e"'))

    def _send(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def serve(size_bytes: int, announce: Any) -> None:
    """Serve both ends until the process is ended; `announce` is told their ports."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.mp4"
        with path.open("wb") as file:
            file.write(MP4_HEAD)
            file.truncate(size_bytes)
        with path.open("rb") as file:
            Source.file, Source.size_bytes = file, size_bytes
            source = ThreadingHTTPServer(("127.0.0.1", 0), Source)
            bucket = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
            announce((source.server_address[1], bucket.server_address[1]))
            threading.Thread(target=source.serve_forever, daemon=True).start()
            bucket.serve_forever()
