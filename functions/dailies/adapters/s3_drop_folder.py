"""The drop folder in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_errors import aws_call, code_of, in_our_words
from dailies.domain.arrivals import FoundObject, UnreadableError
from dailies.domain.inbox import INBOX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_THERE: Final = frozenset(
    {"404", "NoSuchKey", "NotFound", "NoSuchVersion", "405", "MethodNotAllowed"}
)
"""405 is S3's answer for a version that is a deletion."""
_UNREADABLE: Final = frozenset({"400", "InvalidRequest", "InvalidObjectState", "InvalidArgument"})
"""Archived, or encrypted with a key that only its owner has (SSE-C)."""
_ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_PART_BYTES: Final = 256 * 1024**2
_MAX_PARTS: Final = 9000


class S3DropFolder:
    """The DropFolder port over the media bucket."""

    def __init__(self, client: S3Client, bucket: str, *, part_bytes: int = _PART_BYTES) -> None:
        self._client = client
        self._bucket = bucket
        self._part_bytes = part_bytes

    def head(self, key: str, version_id: str | None = None) -> FoundObject | None:
        """Return a version, or the newest one; None where there is none."""
        try:
            answer = self._client.head_object(
                Bucket=self._bucket, Key=key, **_version("VersionId", version_id)
            )
        except (ClientError, BotoCoreError) as exc:
            if isinstance(exc, ClientError) and code_of(exc) in _NOT_THERE:
                return None
            raise _in_our_words(exc, "HeadObject") from exc
        return FoundObject(
            key=key,
            version_id=answer.get("VersionId") or version_id or "null",
            size_bytes=answer["ContentLength"],
            modified_at=answer["LastModified"],
            readable=answer.get("StorageClass") not in _ARCHIVES,
        )

    def read(self, found: FoundObject, *, limit: int) -> bytes:
        """Return the first `limit` bytes of exactly this version."""
        if found.size_bytes == 0:
            return b""
        try:
            answer = self._client.get_object(
                Bucket=self._bucket,
                Key=found.key,
                Range=f"bytes=0-{limit - 1}",
                VersionId=found.version_id,
            )
            return answer["Body"].read()
        except (ClientError, BotoCoreError) as exc:
            raise _in_our_words(exc, "GetObject") from exc

    def copy(self, key: str, target: str, *, version_id: str | None, content_type: str) -> None:
        """Copy an object of any size inside the bucket, without its metadata and tags."""
        found = self.head(key, version_id)
        if found is None:
            raise UnreadableError("The object is gone.")
        source: Any = {"Bucket": self._bucket, "Key": key, "VersionId": found.version_id}
        try:
            if found.size_bytes > self._part_bytes:
                self._copy_parts(source, target, found.size_bytes, content_type)
                return
            self._client.copy_object(
                Bucket=self._bucket,
                Key=target,
                CopySource=source,
                ContentType=content_type,
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
            )
        except (ClientError, BotoCoreError) as exc:
            raise _in_our_words(exc, "CopyObject") from exc

    def _copy_parts(self, source: Any, target: str, size: int, content_type: str) -> None:
        """Copy in parts: one call may take no more than 5 GB, nor longer than we wait for it."""
        step = max(self._part_bytes, -(-size // _MAX_PARTS))
        place: Any = {"Bucket": self._bucket, "Key": target}
        upload = self._client.create_multipart_upload(**place, ContentType=content_type)
        place["UploadId"] = upload["UploadId"]
        try:
            parts: list[Any] = []
            for number, start in enumerate(range(0, size, step), 1):
                answer = self._client.upload_part_copy(
                    **place,
                    PartNumber=number,
                    CopySource=source,
                    CopySourceRange=f"bytes={start}-{min(start + step, size) - 1}",
                )
                etag = answer["CopyPartResult"].get("ETag", "")
                parts.append({"PartNumber": number, "ETag": etag})
            self._client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        except BaseException:
            self._client.abort_multipart_upload(**place)
            raise

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store a small object."""
        with aws_call("PutObject"):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=data, ContentType=content_type
            )

    def versions(
        self, key_marker: str | None, version_marker: str | None
    ) -> tuple[tuple[FoundObject, ...], tuple[str, str] | None]:
        """Return a page of the inbox's versions by key, and the markers of the next."""
        markers = {
            **_version("KeyMarker", key_marker),
            **_version("VersionIdMarker", version_marker),
        }
        with aws_call("ListObjectVersions"):
            answer = self._client.list_object_versions(Bucket=self._bucket, Prefix=INBOX, **markers)
        page = tuple(
            FoundObject(v["Key"], v["VersionId"], v["Size"], v["LastModified"])
            for v in cast("Any", answer.get("Versions", []))
        )
        if not answer.get("IsTruncated"):
            return page, None
        return page, (answer["NextKeyMarker"], answer["NextVersionIdMarker"])


def _version(name: str, value: str | None) -> Any:
    return {} if value is None else {name: value}


def _in_our_words(error: ClientError | BotoCoreError, what: str) -> Exception:
    if isinstance(error, ClientError) and code_of(error) in _UNREADABLE | _NOT_THERE:
        return UnreadableError(f"{what}: {code_of(error)}")
    return in_our_words(error, what)
