"""A folder for files under way."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from enhance.storage import Store
from enhance.storage.files import FileStore, named_faults


@contextlib.contextmanager
def scratch(work: Store, elsewhere: Path) -> Iterator[Path]:
    """Yield a folder of this process alone, deleted in the end.

    It lies beside the results where these are files: publishing one then copies nothing. (Straight
    beside them: a folder for such folders would be another process's to delete.)

    Args:
        work: The task's store.
        elsewhere: Where the folder lies if the store is no folder.
    """
    if not isinstance(work, FileStore):
        with TemporaryDirectory(dir=elsewhere, prefix="enhance-") as name:
            yield Path(name)
        return
    prefix = f"scratch.{socket.gethostname()}."
    with named_faults(str(work.root)):
        work.root.mkdir(parents=True, exist_ok=True)
        _delete_orphans(work.root, prefix)
        folder = TemporaryDirectory(dir=work.root, prefix=f"{prefix}{os.getpid()}.")
    with folder as name:
        yield Path(name)


def _delete_orphans(root: Path, prefix: str) -> None:
    """Delete what processes of this machine left that were killed."""
    for folder in root.glob(f"{prefix}*"):
        pid = folder.name.removeprefix(prefix).partition(".")[0]
        if not pid.isdigit():
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue  # alive, and another user's
