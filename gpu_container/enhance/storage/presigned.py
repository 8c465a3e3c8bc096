"""A task's objects behind signed URLs: for a worker that has no credentials of its own.

Who leases the task supplies `sign`, which is asked whenever a URL is missing or no longer works:
URLs live shorter than a film takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, cast

import urllib3

from enhance.storage import CONFLICTS, ChangedObjectError, MissingObjectError, Stat, StoreError
from enhance.storage.ranged import RangedFile

Method = Literal["GET", "PUT"]
Sign = Callable[[Method, Sequence[str]], Mapping[str, str]]
"""Takes a method and names, and returns a URL for each; raises when the task is no longer ours."""

PUT_LIMIT_BYTES = 5 << 30
"""What S3 takes in one PUT; a signed URL is one PUT."""


class PresignedStore:
    """Objects by name; `sign` alone knows the keys behind them."""

    def __init__(self, sign: Sign, *, http: urllib3.PoolManager | None = None) -> None:
        self._sign = sign
        self._urls: dict[tuple[Method, str], str] = {}
        self._lock = threading.Lock()
        self._http = http or urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5, read=60),
            # a PUT of the same bytes can be repeated
            retries=urllib3.Retry(
                total=5,
                redirect=0,
                status_forcelist=(500, 502, 503, 504),
                backoff_factor=0.2,
                allowed_methods=("GET", "PUT"),
                raise_on_status=False,
            ),
        )

    def offer(self, method: Method, urls: Mapping[str, str]) -> None:
        """Take URLs that came unasked, such as with a renewed lease."""
        with self._lock:
            self._urls.update({(method, name): url for name, url in urls.items()})

    def uri(self, name: str) -> str:
        """Never the URL, which is a secret."""
        return f"task:{name}"

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`, by one byte: a URL signed for GET does not allow HEAD."""
        reply = self._ask("GET", name, {"Range": "bytes=0-0"})
        # a signer that may not list the prefix gets 403, freshly signed, for what is missing
        if reply.status in (403, 404):
            return None
        etag = reply.headers.get("ETag", "").strip('"')
        if reply.status == 416:  # an empty object has no first byte
            return Stat(0, etag)
        self._expect(reply, name, 200, 206)
        size = reply.headers.get("Content-Range", "").rpartition("/")[2]
        return Stat(int(size or len(reply.data)), etag)

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        reply = self._ask("GET", name, {})
        self._expect(reply, name, 200)
        return reply.data

    def open(self, name: str) -> BinaryIO:
        """See `S3Store.open`."""
        found = self.stat(name)
        if found is None:
            raise MissingObjectError(self.uri(name))

        def fetch(first: int, last: int) -> bytes:
            headers = {"Range": f"bytes={first}-{last}", "If-Match": f'"{found.etag}"'}
            reply = self._ask("GET", name, headers)
            if reply.status == 412:
                raise ChangedObjectError(self.uri(name))
            self._expect(reply, name, 206)
            return reply.data

        return cast("BinaryIO", RangedFile(found.size_bytes, fetch))

    def put(self, name: str, content: bytes | Path, *, replace: bool = True) -> bool:
        """See `Store.put`."""
        headers = {} if replace else {"If-None-Match": "*"}
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        if size > PUT_LIMIT_BYTES:
            raise StoreError("too_large", f"{name}: {size} bytes; a worker can upload 5 GiB.")
        reply = self._ask("PUT", name, headers, content)
        for _ in range(CONFLICTS):
            if reply.status != 409:
                break
            reply = self._ask("PUT", name, headers, content)
        if reply.status == 412:
            return False
        self._expect(reply, name, 200, 201, 204)
        return True

    def _ask(
        self, method: Method, name: str, headers: dict[str, str], content: bytes | Path = b""
    ) -> urllib3.BaseHTTPResponse:
        """Send; once more with a new URL where the old one is refused."""
        reply = self._send(method, self._url(method, name), name, headers, content)
        if reply.status in (400, 401, 403):
            url = self._url(method, name, fresh=True)
            reply = self._send(method, url, name, headers, content)
        return reply

    def _send(
        self, method: Method, url: str, name: str, headers: dict[str, str], content: bytes | Path
    ) -> urllib3.BaseHTTPResponse:
        try:
            if isinstance(content, Path):
                with content.open("rb") as body:
                    sized = {**headers, "Content-Length": str(content.stat().st_size)}
                    return self._http.request(method, url, body=body, headers=sized)
            return self._http.request(
                method, url, body=content if method == "PUT" else None, headers=headers
            )
        except urllib3.exceptions.HTTPError as error:
            # the message of the library would show the signed URL
            raise StoreError(
                "storage_failed", f"{name}: {type(error).__name__} while talking to the store."
            ) from None

    def _url(self, method: Method, name: str, *, fresh: bool = False) -> str:
        with self._lock:
            known = self._urls.get((method, name))
        if known is not None and not fresh:
            return known
        signed = self._sign(method, [name])
        self.offer(method, signed)
        return signed[name]

    def _expect(self, reply: urllib3.BaseHTTPResponse, name: str, *statuses: int) -> None:
        if reply.status in statuses:
            return
        if reply.status in (403, 404):
            raise MissingObjectError(self.uri(name))
        raise StoreError("storage_failed", f"{name}: the store answers {reply.status}.")
