"""Folders of processes that come and go beside each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from enhance.scratch import scratch
from enhance.storage.files import FileStore


def test_nobody_takes_a_neighbours_folder_away(tmp_path: Path) -> None:
    work = FileStore(tmp_path / "work")

    def come_and_go(_: int) -> None:
        for _ in range(500):
            with scratch(work, tmp_path) as folder:
                (folder / "file").touch()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))
    assert not list(work.root.iterdir())
