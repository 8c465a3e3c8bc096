"""`python -m enhance`: see `enhance.cli`."""

from __future__ import annotations

import os
import sys
import threading

from enhance.memory import keep_memory

if __name__ == "__main__":
    keep_memory()

    from enhance.cli import main

    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:
        # one that hangs in a library would hang, or crash, the interpreter's own ending too
        os._exit(status)
    sys.exit(status)
