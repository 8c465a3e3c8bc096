"""The media bucket in S3."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_errors import aws_call, code_of, in_our_words
from dailies.domain.assets import StoredPart
from dailies.domain.errors import StorageError, UploadGoneError
from dailies.domain.ports import ObjectHead, UploadForm

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_FORM_S: Final = 900
_MAX_URL_S: Final = 3600
_STREAM_BYTES: Final = 1024 * 1024
_NOT_THERE: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_UPLOAD_GONE: Final = frozenset({"NoSuchUpload", "InvalidPart", "InvalidPartOrder"})
_DECIDED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"}) | _UPLOAD_GONE
"""Answers to a completion that may mean that it was completed before."""


class S3MediaStore:
    """The MediaStore port over one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def begin(self, key: str, content_type: str) -> str:
        """Start a multipart upload and return its id."""
        with aws_call("CreateMultipartUpload"):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ContentType=content_type,
                ChecksumAlgorithm="SHA256",
                ChecksumType="COMPOSITE",
            )
        return answer["UploadId"]

    def put_part(
        self, key: str, upload_id: str, number: int, data: bytes | bytearray | memoryview
    ) -> StoredPart:
        """Store one part; doing it again with the same number replaces it.

        Raises:
            UploadGoneError: there is no such upload any more.
        """
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        try:
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=bytes(data),  # botocore takes no view; one part is all that is ever copied
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=digest,
            )
        except (ClientError, BotoCoreError) as exc:
            if isinstance(exc, ClientError) and code_of(exc) in _UPLOAD_GONE:
                raise UploadGoneError("The multipart upload is not there any more.") from exc
            raise in_our_words(exc, "UploadPart") from exc
        return StoredPart(number=number, size_bytes=len(data), etag=answer["ETag"], sha256=digest)

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> str:
        """Finish an upload and return the object's composite SHA-256; an older object stays.

        Raises:
            UploadGoneError: there is neither such an upload nor an object.
        """
        try:
            answer = self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                IfNoneMatch="*",
                ChecksumType="COMPOSITE",
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": p.number, "ETag": p.etag, "ChecksumSHA256": p.sha256}
                        for p in parts
                    ]
                },
            )
        except (ClientError, BotoCoreError) as exc:
            if not isinstance(exc, ClientError) or code_of(exc) not in _DECIDED:
                raise in_our_words(exc, "CompleteMultipartUpload") from exc
            return self._completed_before(key, upload_id, exc)
        return answer.get("ChecksumSHA256") or self._composite(key)

    def _completed_before(self, key: str, upload_id: str, refusal: ClientError) -> str:
        there = self.head(key)
        if there is not None:
            self.abort(key, upload_id)
            return there.sha256_composite or ""
        if code_of(refusal) in _UPLOAD_GONE:
            raise UploadGoneError("The multipart upload is not there any more.") from refusal
        raise StorageError(f"CompleteMultipartUpload: {code_of(refusal)}") from refusal

    def _composite(self, key: str) -> str:
        there = self.head(key)
        return there.sha256_composite or "" if there else ""

    def abort(self, key: str, upload_id: str) -> None:
        """Give an upload up. Harmless if it is gone."""
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
        except (ClientError, BotoCoreError) as exc:
            if isinstance(exc, ClientError) and code_of(exc) in _UPLOAD_GONE:
                return
            raise in_our_words(exc, "AbortMultipartUpload") from exc

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store a small object."""
        with aws_call("PutObject"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                ChecksumAlgorithm="SHA256",
            )

    def head(self, key: str) -> ObjectHead | None:
        """Return an object's size, type and composite digest, or None if there is none."""
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except (ClientError, BotoCoreError) as exc:
            if isinstance(exc, ClientError) and code_of(exc) in _NOT_THERE:
                return None
            raise in_our_words(exc, "HeadObject") from exc
        digest = answer.get("ChecksumSHA256")
        return ObjectHead(
            size_bytes=answer["ContentLength"],
            content_type=answer.get("ContentType", ""),
            sha256_composite=digest if digest and "-" in digest else None,
            etag=answer.get("ETag", "").strip('"') or None,
        )

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return a range of an object's bytes."""
        if length == 0:
            return b""
        end = "" if length is None else str(start + length - 1)
        with aws_call("GetObject"):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=key, Range=f"bytes={start}-{end}"
            )
            return answer["Body"].read()

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in order."""
        with aws_call("GetObject"):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            yield from answer["Body"].iter_chunks(_STREAM_BYTES)

    def upload_form(
        self, key: str, *, content_type: str, max_bytes: int, expires_s: int
    ) -> UploadForm:
        """Return a presigned POST bound to key, type and size, for at most 15 minutes."""
        with aws_call("presigned POST"):
            form = self._client.generate_presigned_post(
                Bucket=self._bucket,
                Key=key,
                Fields={"Content-Type": content_type},
                Conditions=[
                    {"Content-Type": content_type},
                    ["content-length-range", 1, max_bytes],
                ],
                ExpiresIn=min(expires_s, _MAX_FORM_S),
            )
        return UploadForm(url=form["url"], fields=form["fields"])

    def download_url(self, key: str, *, filename: str, content_type: str, expires_s: int) -> str:
        """Return a presigned GET URL that downloads under `filename`, for at most an hour."""
        with aws_call("presigned GET"):
            return self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentType": content_type,
                    "ResponseContentDisposition": content_disposition(filename),
                },
                ExpiresIn=min(expires_s, _MAX_URL_S),
            )


def content_disposition(filename: str) -> str:
    """Return an attachment header for any file name (RFC 6266), for old clients too."""
    name = "".join(c for c in filename if c.isprintable() and c not in '/\\"') or "download"
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"
