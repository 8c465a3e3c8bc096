"""The media store and a whole Store step against the local AWS, over real sockets."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.config import Config

from dailies.adapters.guarded_fetch import GuardedFetcher
from dailies.adapters.s3_media import S3MediaStore
from dailies.domain.errors import UploadGoneError
from dailies.domain.outcomes import Download
from dailies.services.transfer import PART_BYTES, Source, Transfer, composite_sha256
from local.emulator.process import Emulator
from tests.storage import sources
from tests.storage.doubles import MIB, FrozenClock, an_mp4

BUCKET = "storage-suite"
DATA = an_mp4(2 * PART_BYTES + 77)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with Emulator() as emulator:
        # signed as `adapters.aws_clients` does
        s3 = emulator.client("s3", config=Config(signature_version="s3v4"))
        s3.create_bucket(Bucket=BUCKET)
        yield s3


@pytest.fixture
def media(client: Any) -> S3MediaStore:
    return S3MediaStore(client, BUCKET)


def test_file_is_in_the_bucket_with_its_composite_digest_when_the_download_broke_twice(
    media: S3MediaStore,
) -> None:
    source = sources.Source(
        DATA,
        faults=[
            sources.Fault(breaks_at=3 * MIB),
            sources.Fault(breaks_at=PART_BYTES + MIB, headers=[("X", "y")]),
        ],
    )
    with sources.serving(source):
        fetcher = GuardedFetcher(frozenset({source.pair}))
        transfer = Transfer(
            source=Source(lambda: Download(url=source.url()), (), "video/mp4"),
            key="outputs/broken-twice.mp4",
            fetcher=fetcher,
            media=media,
            clock=FrozenClock(),
            time_is_short=lambda: False,
        )
        landed = transfer.run()
        fetcher.close()

    assert landed is not None
    assert landed.sha256 == hashlib.sha256(DATA).hexdigest()
    assert b"".join(media.stream("outputs/broken-twice.mp4")) == DATA
    head = media.head("outputs/broken-twice.mp4")
    assert head is not None
    assert head.size_bytes == len(DATA)
    assert head.sha256_composite == landed.sha256_composite
    assert len(source.asked) == 3


def test_first_completion_stands_when_two_uploads_race_for_a_key(media: S3MediaStore) -> None:
    key = "outputs/race.mp4"
    uploads = [media.begin(key, "video/mp4") for _ in range(2)]
    parts = [
        [media.put_part(key, u, 1, data)] for u, data in zip(uploads, (b"one", b"two"), strict=True)
    ]

    first = media.complete(key, uploads[0], parts[0])
    second = media.complete(key, uploads[1], parts[1])

    assert media.read(key) == b"one"
    assert first == second == composite_sha256(parts[0])
    with pytest.raises(UploadGoneError):  # the loser's upload was cleaned away
        media.put_part(key, uploads[1], 2, b"more")


def test_completion_is_harmless_when_it_is_repeated(media: S3MediaStore) -> None:
    upload = media.begin("outputs/again.mp4", "video/mp4")
    parts = [media.put_part("outputs/again.mp4", upload, 1, b"bytes")]
    once = media.complete("outputs/again.mp4", upload, parts)
    assert media.complete("outputs/again.mp4", upload, parts) == once


def test_form_takes_what_it_is_bound_to_and_nothing_else(media: S3MediaStore) -> None:
    form = media.upload_form(
        "uploads/acme/a", content_type="image/png", max_bytes=1000, expires_s=60
    )

    def post(data: bytes, **changed: str) -> int:
        fields = form.fields | {name.replace("_", "-"): value for name, value in changed.items()}
        return httpx.post(form.url, data=fields, files={"file": data}).status_code

    assert post(b"x" * 1001) == 400
    assert media.head("uploads/acme/a") is None
    assert post(b"x" * 1000) in (200, 204)
    head = media.head("uploads/acme/a")
    assert head is not None
    assert (head.size_bytes, head.content_type) == (1000, "image/png")


def test_link_downloads_under_the_given_name(media: S3MediaStore) -> None:
    media.put("outputs/link.mp4", b"video", "video/mp4")
    url = media.download_url(
        "outputs/link.mp4", filename="黎明.mp4", content_type="video/mp4", expires_s=60
    )
    answer = httpx.get(url)
    assert answer.content == b"video"
    assert "filename*=UTF-8''%E9%BB%8E%E6%98%8E.mp4" in answer.headers["content-disposition"]


def test_part_is_refused_when_its_bytes_do_not_match_their_digest(client: Any) -> None:
    upload = client.create_multipart_upload(
        Bucket=BUCKET, Key="k", ChecksumAlgorithm="SHA256", ChecksumType="COMPOSITE"
    )["UploadId"]
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    with pytest.raises(client.exceptions.ClientError):
        client.upload_part(
            Bucket=BUCKET,
            Key="k",
            UploadId=upload,
            PartNumber=1,
            Body=b"bytes",
            ChecksumSHA256=wrong,
        )
