"""Runs a task in a child process: a file that crashes a decoder costs a task, never the worker."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from enhance.storage import StoreError
from enhance.storage.presigned import PresignedStore
from enhance.worker.cloud import CloudError, Message
from enhance.worker.heartbeat import Heartbeat, LostError
from enhance.worker.loop import Ending
from enhance.worker.stop import Stop
from enhance.worker.task import crashed
from enhance.worker.wire import Wire

_LOG = logging.getLogger("enhance.worker")
_LOOK_S = 0.2
_GRACE_S = 20.0
"""For a checkpoint: the frame at work, and the upload of what is done."""


class ChildRunner:
    """The Runner port."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        device: str | None = None,
        module: str = "enhance.worker.task",
    ) -> None:
        """Args: environ: of the child. device: for specs that leave it open."""
        self._environ = environ
        self._device = device
        self._module = module

    def run(self, message: Message, lease: Heartbeat, stop: Stop) -> Ending:
        """Run the task to its end, or until the lease is lost or a stop is asked for."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = self._start(message, theirs)
        wire = Wire(ours)
        said: dict[str, str] = {}
        lease.offer = lambda method, urls: wire.send(method=method, urls=dict(urls))
        answering = threading.Thread(
            target=_answer, args=(wire, lease, said), name="wire", daemon=True
        )
        answering.start()
        try:
            _await(process, lease, stop)
        finally:
            _end(process)
            answering.join(_GRACE_S)  # the last words
            wire.close()
        return Ending(process.returncode, said.get("code", ""), bool(said))

    def _start(self, message: Message, theirs: socket.socket) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", self._module, "--task", message.task_id]
        command += ["--wire", str(theirs.fileno())]
        if self._device is not None:
            command += ["--device", self._device]
        return subprocess.Popen(  # noqa: S603
            command,
            env=dict(self._environ),
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            # Ctrl-C in a terminal reaches the worker only, which then stops it in its own way.
            start_new_session=True,
        )

    def report_crash(self, message: Message, lease: Heartbeat, ending: Ending) -> bool:
        """Write the report that the child could not write."""
        report = crashed(message.task_id, signal.Signals(-ending.status).name)
        try:
            store = PresignedStore(lease.sign)
            store.put("report.json", report.model_dump_json(indent=1).encode())
        except (StoreError, CloudError, LostError) as error:
            _LOG.warning("%s: the crash was not reported: %s", message.task_id, error)
            return False
        return True


def _answer(wire: Wire, lease: Heartbeat, said: dict[str, str]) -> None:
    """Answer the child until it is gone, and keep its last words."""
    for asked in wire:
        if "ended" in asked:
            said.update(ended=asked["ended"], code=asked["code"])
            continue
        wire.send(ask=asked["ask"], urls=_signed(lease, asked["method"], asked["names"]))


def _signed(lease: Heartbeat, method: str, names: Sequence[str]) -> dict[str, str] | None:
    try:
        return lease.sign("PUT" if method == "PUT" else "GET", names)
    except LostError:
        return None
    except CloudError as error:
        _LOG.warning("No URLs: %s", error)
        return None


def _await(process: subprocess.Popen[bytes], lease: Heartbeat, stop: Stop) -> None:
    """Return when the child has ended, or should."""
    while process.poll() is None:
        if lease.lost.wait(_LOOK_S) or stop.requested:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the child checkpoint; end it if it takes too long."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
