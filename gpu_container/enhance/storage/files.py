"""A folder of this machine."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from enhance.storage import MissingObjectError, Stat, StoreError
from enhance.storage.orphans import delete_orphans, owned


class FileStore:
    """Objects are files under `root`; folders are made as they are needed."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def uri(self, name: str) -> str:
        """The file's real path: two names of one file are one."""
        return os.path.realpath(self.root / name)

    def stat(self, name: str) -> Stat | None:
        """The ETag is made of size and time of the last change; only files are objects."""
        with named_faults(self.uri(name)):
            try:
                found = (self.root / name).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return Stat(found.st_size, f"{found.st_size:x}-{found.st_mtime_ns:x}")

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        with named_faults(self.uri(name)):
            return (self.root / name).read_bytes()

    def open(self, name: str) -> str:
        """Return the absolute path: it can be taken neither for an option nor for a protocol."""
        path = self.root / name
        if not path.is_file():
            raise MissingObjectError(str(path))
        return str(path)

    def put(self, name: str, content: bytes | Path, *, replace: bool = True) -> bool:
        """Write a neighbour, then give it the name: atomic, also against a power cut."""
        target = self.root / name
        with named_faults(str(target)):
            if not replace and target.exists():
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            neighbour = _complete_neighbour(target, content)
            try:
                return _give_name(neighbour, target, replace=replace)
            finally:
                neighbour.unlink(missing_ok=True)


def _complete_neighbour(target: Path, content: bytes | Path) -> Path:
    """Return a complete, synced file in the target's folder."""
    # of this target alone: a folder can be large, or somebody's own
    prefix = f".part-{hashlib.sha256(target.name.encode()).hexdigest()[:16]}"
    delete_orphans(target.parent, prefix)
    neighbour = target.parent / f"{owned(prefix)}{uuid4().hex[:8]}"
    try:
        if isinstance(content, Path):
            _link_or_copy(content, neighbour)
        else:
            neighbour.write_bytes(content)
        descriptor = os.open(neighbour, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise
    return neighbour


def _link_or_copy(content: Path, neighbour: Path) -> None:
    """Spare a film's worth of copying where both lie on one file system that knows links."""
    try:
        neighbour.hardlink_to(content)
    except OSError:
        shutil.copyfile(content, neighbour)


def _give_name(neighbour: Path, target: Path, *, replace: bool) -> bool:
    if replace:
        neighbour.replace(target)
        return True
    try:
        # unlike rename, link fails where the name is taken: put-if-absent
        os.link(neighbour, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        # a file system without links: two writers may both win, with the same content
        neighbour.replace(target)
    return True


@contextmanager
def named_faults(uri: str) -> Iterator[None]:
    """Turn the system's errors into StoreError that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise MissingObjectError(uri) from error
    except OSError as error:
        code = (
            "disk_full"
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            else "storage_failed"
        )
        raise StoreError(code, f"{uri}: {error.strerror or error}.") from error
