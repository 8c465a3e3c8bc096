"""The three places of a job, from the URIs of its spec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from enhance.errors import BadInputError
from enhance.spec import JobSpec
from enhance.storage import Item, Store
from enhance.storage.files import FileStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Places:
    """Where a job reads and writes. A worker makes its own, of signed URLs."""

    source: Item
    output: Item
    work: Store
    item: Callable[[str], Item]
    """An object by URI: weights of one's own."""


def places(spec: JobSpec) -> Places:
    """Open the places that the spec names. Raises BadInputError on a URI of no known form."""
    return Places(item(spec.source.uri), item(spec.output), store(spec.work), item)


def item(uri: str) -> Item:
    """One object: its folder is the store, its last part the name."""
    bucket, key = _parted(uri)
    folder, slash, name = key.rpartition("/")
    if not name:
        raise BadInputError("bad_uri", f"{uri!r} names a folder where a file is needed.")
    return Item(_opened(bucket, folder + slash), name)


def store(uri: str) -> Store:
    """All objects below a prefix or folder."""
    bucket, key = _parted(uri)
    return _opened(bucket, key if not key or key.endswith("/") else key + "/")


def _parted(uri: str) -> tuple[str | None, str]:
    """Return bucket and key, or None and a path.

    A key is taken as it is: `+`, `%`, `?` and `#` are ordinary characters of it. Only `file://` is
    percent-encoded, as RFC 8089 has it.
    """
    if "\0" in uri:
        raise BadInputError("bad_uri", "A URI holds no zero byte.")
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return None, uri
    if scheme == "s3":
        bucket, _, key = rest.partition("/")
        if not bucket:
            raise BadInputError("bad_uri", f"{uri!r} names no bucket.")
        return bucket, key
    if scheme == "file":
        host, _, path = rest.partition("/")
        if host not in ("", "localhost"):
            raise BadInputError("bad_uri", f"{uri!r} names a file of another machine.")
        return None, "/" + unquote(path)
    raise BadInputError("bad_uri", f"{uri!r}: use s3://bucket/key, file:///path, or a path.")


def _opened(bucket: str | None, prefix: str) -> Store:
    if bucket is None:
        return FileStore(Path(prefix or "."))
    # boto3 costs half a second to import: only where a bucket is used
    from enhance.storage.s3 import S3Store

    return S3Store(_client(), bucket, prefix)


@cache
def _client() -> S3Client:
    from enhance.storage.s3 import connect

    return connect()
