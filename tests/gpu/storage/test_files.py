from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from enhance.storage import StoreError
from enhance.storage.files import FileStore


def test_failed_write_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put("a", b"old")
    with pytest.raises(StoreError):
        store.put("a", tmp_path / "there is no such file")
    assert store.read("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_path_cannot_be_taken_for_an_option_or_a_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = FileStore(Path())
    for name in ("-vf.mp4", "concat:a.mp4", "data:x.mp4"):
        store.put(name, b"x")
        assert store.open(name) == str(tmp_path / name)


def test_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    FileStore(tmp_path).put("a", b"x")
    ordinary = tmp_path / "b"
    ordinary.write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == ordinary.stat().st_mode


def test_folder_where_a_file_is_expected_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(StoreError):
        FileStore(tmp_path).read("a")


def test_disk_full_is_told_by_name(tmp_path: Path) -> None:
    class FullPath(type(tmp_path)):  # type: ignore[misc]
        """A folder of a full disk."""

        def write_bytes(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError) as caught:
        FileStore(FullPath(tmp_path)).put("a", b"x")
    assert caught.value.code == "disk_full"
    assert not list(tmp_path.iterdir())


_KILLED = """
import os, signal, threading, time
from pathlib import Path
from enhance.storage.files import FileStore

def endless():
    FileStore(Path()).put("film", Path("/dev/zero"))

threading.Thread(target=endless, daemon=True).start()
while not list(Path().glob(".part-*")):
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_part_that_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    root = Path(__file__).parents[3] / "gpu_container"
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir())
    FileStore(tmp_path).put("film", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["film"]
