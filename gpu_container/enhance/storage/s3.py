"""A prefix of an S3 bucket."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from enhance.storage import CONFLICTS, ChangedObjectError, MissingObjectError, Stat, StoreError
from enhance.storage.ranged import RangedFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SINGLE_PUT_BYTES = 64 << 20
"""Above, in parts: a part that fails is sent again alone."""
_MISSING = {"404", "NoSuchKey", "NotFound"}
_NOT_ABSENT = {"412", "PreconditionFailed"}
_CONFLICT = "ConditionalRequestConflict"
_BROKEN_OFF = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_READS = 5


def connect() -> S3Client:
    """Return a client with the machine's own credentials; patient, as a long run can be."""
    return boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 6},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=16,
        ),
    )


class S3Store:
    """Objects under `prefix`, which is used as it is: neither encoded nor decoded."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def uri(self, name: str) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self._bucket}/{self._prefix}{name}"

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`. Needs ListBucket: without it S3 says 403 for what is missing."""
        try:
            with self._named_faults(name):
                found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + name)
        except MissingObjectError:
            return None
        return Stat(found["ContentLength"], found["ETag"].strip('"'))

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        return self._content(name)

    def open(self, name: str) -> BinaryIO:
        """Return a file of ranged reads, all of the content that is there now."""
        found = self.stat(name)
        if found is None:
            raise MissingObjectError(self.uri(name))

        def fetch(first: int, last: int) -> bytes:
            return self._content(name, Range=f"bytes={first}-{last}", IfMatch=found.etag)

        return cast("BinaryIO", RangedFile(found.size_bytes, fetch))

    def _content(self, name: str, **condition: str) -> bytes:
        """Return the bytes; asked for again where they break off: the client tries that no more."""
        with self._named_faults(name, reading=True):
            for _ in range(_READS - 1):
                with suppress(*_BROKEN_OFF):
                    return self._body(name, condition)
            return self._body(name, condition)

    def _body(self, name: str, condition: dict[str, str]) -> bytes:
        reply = self._client.get_object(
            Bucket=self._bucket,
            Key=self._prefix + name,
            **condition,  # pyright: ignore[reportArgumentType]
        )
        return reply["Body"].read()

    def put(self, name: str, content: bytes | Path, *, replace: bool = True) -> bool:
        """See `Store.put`: S3 shows an object only when all of it has arrived."""
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if isinstance(content, Path) and content.stat().st_size > _SINGLE_PUT_BYTES:
            # the transfer in parts knows no condition: objects of this size are named after their
            # content or written by one run, so that a second writer changes nothing
            if not replace and self.stat(name) is not None:
                return False
            with self._named_faults(name):
                self._client.upload_file(
                    os.fspath(content),
                    self._bucket,
                    self._prefix + name,
                    ExtraArgs={"ContentType": kind},
                )
            return True
        return self._put_at_once(name, content, kind, replace)

    def _put_at_once(self, name: str, content: bytes | Path, kind: str, replace: bool) -> bool:
        body = content.read_bytes() if isinstance(content, Path) else content
        condition = {} if replace else {"IfNoneMatch": "*"}
        for _ in range(CONFLICTS):
            try:
                with self._named_faults(name):
                    self._client.put_object(
                        Bucket=self._bucket,
                        Key=self._prefix + name,
                        Body=body,
                        ContentType=kind,
                        **condition,  # pyright: ignore[reportArgumentType]
                    )
            except _NotAbsentError:
                return False
            except _ConflictError:
                continue
            return True
        raise StoreError("storage_failed", f"{self.uri(name)}: other writers keep S3 from writing.")

    @contextmanager
    def _named_faults(self, name: str, *, reading: bool = False) -> Iterator[None]:
        """Translate AWS's errors."""
        uri = self.uri(name)
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _MISSING:
                raise MissingObjectError(uri) from error
            if code in _NOT_ABSENT:
                raise (ChangedObjectError(uri) if reading else _NotAbsentError(uri)) from error
            if code == _CONFLICT:
                raise _ConflictError("storage_failed", uri) from error
            raise StoreError("storage_failed", f"{uri}: S3 answers {code}.") from error
        except (BotoCoreError, Boto3Error) as error:
            raise StoreError("storage_failed", f"{uri}: {error}") from error


class _NotAbsentError(StoreError):
    """A conditional write found the name taken."""

    def __init__(self, uri: str) -> None:
        super().__init__("exists", f"{uri} exists.")


class _ConflictError(StoreError):
    """Another conditional write was under way."""
