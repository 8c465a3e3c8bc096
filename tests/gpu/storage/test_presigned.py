from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import urllib3

from enhance.exits import ExitCode
from enhance.storage import ChangedObjectError, Item, StoreError
from enhance.storage.presigned import Method, PresignedStore
from tests.gpu.storage.conftest import BUCKET, Signer
from tests.gpu.storage.unsteady_server import Reply, answering


def test_url_is_asked_for_once_and_kept(s3: Any, prefix: str) -> None:
    signer = Signer(s3, prefix)
    store = PresignedStore(signer)
    store.put("a", b"1")
    store.put("a", b"2")
    assert store.read("a") == b"2"
    assert signer.asked == [("PUT", "a"), ("GET", "a")]


def test_url_is_signed_anew_when_it_has_expired(s3: Any, prefix: str) -> None:
    fresh = Signer(s3, prefix)
    store = PresignedStore(fresh)
    stale = s3.generate_presigned_url(
        "get_object", {"Bucket": BUCKET, "Key": prefix + "a"}, ExpiresIn=-60
    )
    store.put("a", b"1")
    store.offer("GET", {"a": stale})
    assert store.read("a") == b"1"
    assert fresh.asked == [("PUT", "a"), ("GET", "a")]


def test_lost_task_ends_the_run_when_a_url_must_be_signed() -> None:
    class GoneError(StoreError):
        pass

    def sign(_: Method, __: Sequence[str]) -> Mapping[str, str]:
        raise GoneError("lease_lost", "Another worker has the task.")

    with pytest.raises(GoneError):
        PresignedStore(sign).put("a", b"1")


def test_message_never_shows_the_url() -> None:
    secret = "http://127.0.0.1:9/x?X-Amz-Signature=secret"
    store = PresignedStore(
        lambda _, names: dict.fromkeys(names, secret), http=urllib3.PoolManager(retries=False)
    )
    with pytest.raises(StoreError) as caught:
        store.read("a")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_replaced_source_is_noticed_in_the_middle(s3: Any, prefix: str) -> None:
    store = PresignedStore(Signer(s3, prefix))
    store.put("film", b"a" * 100)
    opened = Item(store, "film").media()
    assert callable(opened)
    with opened() as file:
        store.put("film", b"b" * 100)
        with pytest.raises(ChangedObjectError) as caught:
            file.read(1)
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_conflict_of_two_writers_is_tried_again() -> None:
    with answering(Reply(409), Reply(409), Reply(200)) as address:
        store = PresignedStore(lambda _, names: dict.fromkeys(names, f"{address}/x"))
        assert store.put("chunks/x.json", b"{}", replace=False)
    with answering(Reply(409), Reply(412)) as address:
        store = PresignedStore(lambda _, names: dict.fromkeys(names, f"{address}/x"))
        assert not store.put("chunks/x.json", b"{}", replace=False)
