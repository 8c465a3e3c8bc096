"""The three kinds of place; the bucket is the local AWS's, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from enhance.storage import Store
from enhance.storage.files import FileStore
from enhance.storage.presigned import Method, PresignedStore
from enhance.storage.s3 import S3Store
from local.emulator.process import Emulator

BUCKET = "enhance-suite"


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(scope="session")
def s3(emulator: Emulator) -> Any:
    client = emulator.client("s3", config=Config(signature_version="s3v4"))
    client.create_bucket(Bucket=BUCKET)
    return client


@dataclass
class Signer:
    """Signs for one prefix, as a lease does, and counts how often it is asked."""

    client: Any
    prefix: str
    expires_s: int = 600
    asked: list[tuple[Method, str]] = field(default_factory=list)

    def __call__(self, method: Method, names: Sequence[str]) -> Mapping[str, str]:
        self.asked += [(method, name) for name in names]
        action = {"GET": "get_object", "PUT": "put_object"}[method]
        return {
            name: self.client.generate_presigned_url(
                action, {"Bucket": BUCKET, "Key": self.prefix + name}, ExpiresIn=self.expires_s
            )
            for name in names
        }


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    # a key's own `+`, `%` and letters beyond ASCII are ordinary characters
    return f"{request.node.name}/a+b %41 ü/"


@pytest.fixture(params=["files", "s3", "presigned"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path, prefix: str) -> Callable[[], Store]:
    if request.param == "files":
        return lambda: FileStore(tmp_path / prefix)
    s3 = request.getfixturevalue("s3")
    if request.param == "s3":
        return lambda: S3Store(s3, BUCKET, prefix)
    return lambda: PresignedStore(Signer(s3, prefix))


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()
