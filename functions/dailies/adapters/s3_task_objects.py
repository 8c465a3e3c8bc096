"""Objects of tasks in S3: small documents, and signed URLs for those who have no credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from dailies.adapters.aws_errors import aws_call, code_of, in_our_words
from dailies.domain.errors import AssetError
from dailies.domain.worker_tasks import Method

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_BYTES: Final = 4 << 20
"""Of a document: one is a few kilobytes, and a worker can write gigabytes behind its URL."""
_NOT_THERE: Final = frozenset({"404", "NoSuchKey", "NotFound"})


class S3TaskObjects:
    """The TaskObjects port over one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def read_json(self, key: str) -> object | None:
        """Return a small JSON document, or None where there is none."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read(
                _MOST_BYTES + 1
            )
        except (ClientError, BotoCoreError) as exc:
            if isinstance(exc, ClientError) and code_of(exc) in _NOT_THERE:
                return None
            raise in_our_words(exc, "GetObject") from exc
        if len(body) > _MOST_BYTES:
            raise AssetError("not_json", "A task's document is too large.")
        try:
            return json.loads(body)
        except ValueError as exc:
            raise AssetError("not_json", "A task's document is not JSON.") from exc

    def url(self, method: Method, key: str, *, expires_s: int, once: bool) -> str:
        """Return a signed URL for one object; with `once` it writes only what is not there yet.

        The header `If-None-Match: *` is then part of the signature: S3 refuses a request that
        leaves it out.
        """
        parameters: dict[str, Any] = {"Bucket": self._bucket, "Key": key}
        if once and method == "PUT":
            parameters["IfNoneMatch"] = "*"
        with aws_call("signed URL"):
            return self._client.generate_presigned_url(
                "get_object" if method == "GET" else "put_object",
                Params=parameters,
                ExpiresIn=expires_s,
            )
