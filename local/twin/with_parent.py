"""Run a module until whoever started it is gone: `… -m local.twin.with_parent MODULE [ARGUMENTS]`.

The parent holds the other end of our standard input. However it ends, that closes, and we stop.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _stop_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin: its lock would outlive us at the interpreter's end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_stdin, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
