"""What every kind of place does alike."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from enhance.storage import Item, MissingObjectError, Stat, Store
from enhance.storage.ranged import BLOCK_BYTES


def test_object_is_missing_when_nobody_wrote_it(store: Store) -> None:
    assert store.stat("a/b.json") is None
    with pytest.raises(MissingObjectError):
        store.read("a/b.json")
    with pytest.raises(MissingObjectError):
        store.open("a/b.json")


def test_object_is_read_as_it_was_put(store: Store) -> None:
    assert store.put("a/b.json", b"{}")
    assert store.read("a/b.json") == b"{}"
    found = store.stat("a/b.json")
    assert isinstance(found, Stat)
    assert found.size_bytes == 2


def test_object_of_no_bytes_is_there(store: Store) -> None:
    store.put("empty", b"")
    found = store.stat("empty")
    assert found is not None
    assert found.size_bytes == 0
    assert store.read("empty") == b""


def test_etag_changes_with_the_content(store: Store) -> None:
    store.put("a", b"one")
    before = store.stat("a")
    store.put("a", b"two, longer")
    after = store.stat("a")
    assert before is not None
    assert after is not None
    assert before.etag != after.etag


def test_first_write_stays_when_the_second_may_not_replace(store: Store) -> None:
    assert store.put("chunks/x.json", b"first", replace=False)
    assert not store.put("chunks/x.json", b"second", replace=False)
    assert store.read("chunks/x.json") == b"first"


def test_exactly_one_writer_wins_when_many_race(make_store: Callable[[], Store]) -> None:
    stores = [make_store() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(
            pool.map(lambda i: stores[i].put("race", f"{i}".encode(), replace=False), range(8))
        )
    assert sum(won) == 1
    assert stores[0].read("race") == f"{won.index(True)}".encode()


def test_file_is_put_whole(store: Store, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    path = tmp_path / "content"
    path.write_bytes(content)
    assert store.put("chunks/data.mp4", path, replace=False)
    path.unlink()
    assert store.read("chunks/data.mp4") == content
    copy = Item(store, "chunks/data.mp4").fetch(tmp_path / "copy")
    assert copy.read_bytes() == content


def test_reader_seeks_over_block_borders(store: Store) -> None:
    content = os.urandom(BLOCK_BYTES + 1000)
    store.put("film", content)
    opened = Item(store, "film").media()
    file: BinaryIO = Path(opened).open("rb") if isinstance(opened, str) else opened()
    with file:
        assert file.seek(0, io.SEEK_END) == len(content)
        assert file.read(10) == b""
        file.seek(BLOCK_BYTES - 5)
        assert file.read(5) + file.read(7) == content[BLOCK_BYTES - 5 : BLOCK_BYTES + 7]
        file.seek(-3, io.SEEK_CUR)
        assert file.read(3) == content[BLOCK_BYTES + 4 : BLOCK_BYTES + 7]
        file.seek(0)
        assert b"".join(iter(lambda: file.read(100_000), b"")) == content
