"""Run MiniStack in this process, corrected, until a signal or the end of the parent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from local.emulator.corrections import apply_all
from local.emulator.saving import save_one_at_a_time, save_regularly
from local.emulator.settings import (
    HOST,
    LAMBDA_LOG,
    READY_FILE,
    EmulatorOptions,
    enter_environment,
    ministack_environment,
)


def run(options: EmulatorOptions) -> None:
    """Serve until stopped, then save what is to be kept and end this process.

    Raises:
        CorrectionError: The installed MiniStack is not the one the corrections fit.
        OSError: The port is taken.
    """
    listener = socket.create_server((HOST, options.port), backlog=512)
    port = listener.getsockname()[1]
    _prepare(options.state_dir)
    enter_environment(ministack_environment(options, port))
    _log_functions(options.state_dir / LAMBDA_LOG)
    if options.corrected:
        apply_all(_corrections(options.speed))
    ready = {"port": port, "pid": os.getpid()}
    (options.state_dir / READY_FILE).write_text(json.dumps(ready), encoding="utf-8")
    asyncio.run(_serve(options, listener))


def _corrections(speed: float) -> list[Any]:
    # Imported late: they import MiniStack, which reads its environment then.
    from local.emulator.execution_corrections import execution_corrections
    from local.emulator.lambda_corrections import lambda_corrections
    from local.emulator.schedule_corrections import schedule_corrections
    from local.emulator.storage_corrections import storage_corrections
    from local.emulator.stream_corrections import stream_corrections
    from local.emulator.workflow_corrections import workflow_corrections

    return [
        *lambda_corrections(),
        *workflow_corrections(),
        *execution_corrections(),
        *schedule_corrections(speed),
        *stream_corrections(),
        *storage_corrections(),
    ]


def _prepare(state_dir: Path) -> None:
    unpacked = state_dir / "tmp"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir(parents=True)


def _log_functions(path: Path) -> None:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("local.emulator.lambda")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


async def _serve(options: EmulatorOptions, listener: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if options.stop_with_stdin:
        watch = threading.Thread(target=_watch_stdin, args=(loop, stopped), daemon=True)
        watch.start()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.loglevel = "WARNING"
    background: set[asyncio.Task[None]] = set()
    if options.persist:
        save_one_at_a_time()
        background.add(asyncio.create_task(save_regularly()))
    await serve(app, config, shutdown_trigger=stopped.wait)  # type: ignore[arg-type]
    _end()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Stop when nobody holds the other end of standard input any more."""
    while sys.stdin.buffer.read(1):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has already ended
        loop.call_soon_threadsafe(stopped.set)


def _end() -> None:
    """End at once: executions and calls still waiting on threads would hold the interpreter."""
    from ministack.core import lambda_runtime

    lambda_runtime.kill_workers([w for pool in lambda_runtime._workers.values() for w in pool])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
