"""A folder for files under way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from enhance.storage import Store
from enhance.storage.files import FileStore, named_faults
from enhance.storage.orphans import delete_orphans, owned

_PREFIX = "scratch"


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
    with named_faults(str(work.root)):
        work.root.mkdir(parents=True, exist_ok=True)
        delete_orphans(work.root, _PREFIX)
        folder = TemporaryDirectory(dir=work.root, prefix=owned(_PREFIX))
    with folder as name:
        yield Path(name)
