"""The media bucket's adapter, on moto; answers that moto does not give are stubbed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY, Stubber
from moto import mock_aws

from dailies.adapters.s3_media import S3MediaStore, content_disposition
from dailies.domain.assets import StoredPart
from dailies.domain.errors import ConfigurationError, StorageError, UploadGoneError
from dailies.services.transfer import composite_sha256

BUCKET = "media"
KEY = "outputs/acme/job/asset.mp4"
MIB = 1024 * 1024


def new_client() -> Any:
    return boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        s3 = new_client()
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield s3


@pytest.fixture
def media(client: Any) -> S3MediaStore:
    return S3MediaStore(client, BUCKET)


def test_object_is_whole_when_its_parts_are_completed(media: S3MediaStore, client: Any) -> None:
    first, last = b"a" * (5 * MIB), b"tail"
    upload = media.begin(KEY, "video/mp4")
    parts = [
        media.put_part(KEY, upload, 1, memoryview(bytearray(first))),
        media.put_part(KEY, upload, 2, bytearray(last)),
    ]

    media.complete(KEY, upload, parts)

    assert parts[1].size_bytes == 4
    assert parts[1].sha256 == base64.b64encode(hashlib.sha256(last).digest()).decode()
    head = media.head(KEY)
    assert head is not None
    assert (head.size_bytes, head.content_type) == (5 * MIB + 4, "video/mp4")
    assert media.read(KEY, start=5 * MIB) == last
    assert media.read(KEY, start=1, length=3) == b"aaa"
    assert media.read(KEY, start=1, length=0) == b""
    assert b"".join(media.stream(KEY)) == first + last


def test_part_is_replaced_when_it_is_put_again(media: S3MediaStore) -> None:
    upload = media.begin(KEY, "video/mp4")
    media.put_part(KEY, upload, 1, b"old")
    part = media.put_part(KEY, upload, 1, b"new")
    media.complete(KEY, upload, [part])
    assert media.read(KEY) == b"new"


def test_upload_can_be_given_up_when_it_is_gone_already(client: Any) -> None:
    media = S3MediaStore(client, BUCKET)
    media.abort(KEY, media.begin(KEY, "video/mp4"))
    assert not client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
    with Stubber(client) as stub:
        stub.add_client_error("abort_multipart_upload", "NoSuchUpload", http_status_code=404)
        media.abort(KEY, "u")
        stub.assert_no_pending_responses()


def test_part_finds_the_upload_gone_when_s3_says_so(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("upload_part", "NoSuchUpload", http_status_code=404)
        with pytest.raises(UploadGoneError):
            S3MediaStore(client, BUCKET).put_part(KEY, "u", 2, b"bytes")


def test_completion_is_harmless_when_the_object_is_there_already(media: S3MediaStore) -> None:
    upload = media.begin(KEY, "video/mp4")
    part = media.put_part(KEY, upload, 1, b"bytes")
    media.complete(KEY, upload, [part])
    media.complete(KEY, upload, [part])
    assert media.read(KEY) == b"bytes"


def test_object_stays_as_it_is_when_another_upload_is_completed_over_it(client: Any) -> None:
    media = S3MediaStore(client, BUCKET)
    composite = f"{base64.b64encode(bytes(32)).decode()}-1"
    part = StoredPart(
        number=1, size_bytes=5, etag='"e"', sha256=base64.b64encode(b"s" * 32).decode()
    )
    with Stubber(client) as stub:
        stub.add_client_error(
            "complete_multipart_upload",
            "PreconditionFailed",
            http_status_code=412,
            expected_params={
                "Bucket": BUCKET,
                "Key": KEY,
                "UploadId": "u",
                "IfNoneMatch": "*",
                "ChecksumType": "COMPOSITE",
                "MultipartUpload": ANY,
            },
        )
        stub.add_response(
            "head_object",
            {"ContentLength": 9, "ContentType": "video/mp4", "ChecksumSHA256": composite},
            {"Bucket": BUCKET, "Key": KEY, "ChecksumMode": "ENABLED"},
        )
        stub.add_response(
            "abort_multipart_upload", {}, {"Bucket": BUCKET, "Key": KEY, "UploadId": "u"}
        )
        assert media.complete(KEY, "u", [part]) == composite
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"),
    [("ConditionalRequestConflict", StorageError), ("InvalidPart", UploadGoneError)],
)
def test_completion_fails_when_there_is_no_object_either(
    client: Any, code: str, error: type[Exception]
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("complete_multipart_upload", code, http_status_code=409)
        stub.add_client_error("head_object", "404", http_status_code=404)
        with pytest.raises(error):
            S3MediaStore(client, BUCKET).complete(KEY, "u", [])


def test_composite_digest_is_what_s3_computes() -> None:
    parts = [
        StoredPart(
            number=i + 1,
            size_bytes=1,
            etag="e",
            sha256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
        )
        for i, data in enumerate([b"a", b"b"])
    ]
    both = hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest()
    whole = base64.b64encode(hashlib.sha256(both).digest()).decode()
    assert composite_sha256(parts) == f"{whole}-2"


def test_head_is_none_when_there_is_no_object(media: S3MediaStore) -> None:
    assert media.head("nothing") is None


def test_small_object_is_stored_under_its_type(media: S3MediaStore) -> None:
    media.put("posters/p.jpg", b"\xff\xd8", "image/jpeg")
    head = media.head("posters/p.jpg")
    assert head is not None
    assert (head.size_bytes, head.content_type, head.sha256_composite) == (2, "image/jpeg", None)


def test_form_is_bound_to_key_type_and_size(media: S3MediaStore) -> None:
    form = media.upload_form("uploads/a", content_type="image/png", max_bytes=1000, expires_s=9999)
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert ["content-length-range", 1, 1000] in policy["conditions"]
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert {"key": "uploads/a"} in policy["conditions"]
    assert form.fields["Content-Type"] == "image/png"
    assert form.fields["key"] == "uploads/a"
    assert "fields" not in repr(form)


@pytest.mark.parametrize(("asked_s", "lives_s"), [(300, 300), (3600, 3600), (9999, 3600)])
def test_link_names_the_file_and_lives_as_long_as_asked_up_to_an_hour(
    asked_s: int, lives_s: int
) -> None:
    credentials = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    config = Config(signature_version="s3v4")
    client = boto3.client("s3", region_name="eu-central-1", config=config, **credentials)
    url = S3MediaStore(client, BUCKET).download_url(
        KEY, filename="a heron.mp4", content_type="video/mp4", expires_s=asked_s
    )
    query = parse_qs(urlsplit(url).query)
    assert query["response-content-disposition"] == ['attachment; filename="a heron.mp4"']
    assert query["response-content-type"] == ["video/mp4"]
    assert query["X-Amz-Expires"] == [str(lives_s)]


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("heron.mp4", 'attachment; filename="heron.mp4"'),
        ('a"; x="\r\ny.mp4', 'attachment; filename="a; x=y.mp4"'),
        ("../../etc/passwd", 'attachment; filename="....etcpasswd"'),
        ("黎明.mp4", "attachment; filename=\"__.mp4\"; filename*=UTF-8''%E9%BB%8E%E6%98%8E.mp4"),
        ("50%.mp4", "attachment; filename=\"50_.mp4\"; filename*=UTF-8''50%25.mp4"),
        ("", 'attachment; filename="download"'),
    ],
)
def test_disposition_is_safe_for_any_file_name(filename: str, header: str) -> None:
    assert content_disposition(filename) == header


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.begin(KEY, "video/mp4"),
        lambda m: m.put_part(KEY, "u", 1, b"x"),
        lambda m: m.complete(KEY, "u", []),
        lambda m: m.abort(KEY, "u"),
        lambda m: m.put(KEY, b"x", "image/jpeg"),
        lambda m: m.head(KEY),
        lambda m: m.read(KEY),
        lambda m: list(m.stream(KEY)),
    ],
)
def test_every_call_says_storage_error_when_s3_does_not_answer(call: Any) -> None:
    client = new_client()

    def fail(**kwargs: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://s3.example")

    client.meta.events.register("before-send.s3", fail)
    with pytest.raises(StorageError):
        call(S3MediaStore(client, BUCKET))


def test_call_says_configuration_error_when_it_is_not_permitted(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("head_object", "403", http_status_code=403)
        with pytest.raises(ConfigurationError):
            S3MediaStore(client, BUCKET).head(KEY)
