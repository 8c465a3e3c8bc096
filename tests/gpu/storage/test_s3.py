"""S3 over a line that breaks."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config

from enhance.storage import StoreError
from enhance.storage.s3 import S3Store
from tests.gpu.storage.unsteady_server import Reply, answering

_BROKEN = Reply(200, b"ha", length=4)


def client(address: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="eu-central-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(s3={"addressing_style": "path"}),
    )


def test_content_that_breaks_off_is_read_again() -> None:
    with answering(_BROKEN, _BROKEN, Reply(200, b"half")) as address:
        assert S3Store(client(address), "bucket", "").read("a") == b"half"


def test_line_that_always_breaks_is_an_error() -> None:
    with answering(*[_BROKEN] * 5) as address, pytest.raises(StoreError) as caught:
        S3Store(client(address), "bucket", "").read("a")
    assert caught.value.code == "storage_failed"
