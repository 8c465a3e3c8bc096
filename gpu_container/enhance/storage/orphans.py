"""Files under way are named after their process, so that those of killed ones can be told."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path


def owned(prefix: str) -> str:
    """Return how a name of this process begins: `prefix`, the machine, the process."""
    return f"{prefix}.{socket.gethostname()}.{os.getpid()}."


def delete_orphans(folder: Path, prefix: str) -> None:
    """Delete what processes of this machine left in a folder that were killed."""
    mine = f"{prefix}.{socket.gethostname()}."
    for path in folder.glob(f"{mine}*"):
        pid = path.name.removeprefix(mine).partition(".")[0]
        if not pid.isdecimal() or _alive(int(pid)):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True
