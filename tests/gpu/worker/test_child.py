"""A task runs in a child process: how it ends, and what it cannot reach."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

from enhance import settings
from enhance.worker.child import ChildRunner
from enhance.worker.cloud import Lease, Message
from enhance.worker.heartbeat import Heartbeat
from enhance.worker.stop import Stop
from tests.gpu.worker.cloud_double import MESSAGE, MemoryCloud, leased, trouble

_ROOT = Path(__file__).resolve().parents[3]
MODULE = "tests.gpu.worker.child_double"


def runner(does: str, **variables: str) -> ChildRunner:
    """Return a runner whose child does that."""
    path = os.pathsep.join([str(_ROOT), str(_ROOT / "gpu_container")])
    environ = settings.without_credentials({**os.environ, "PYTHONPATH": path, **variables})
    return ChildRunner(environ, device=does, module=MODULE)


class Ringing(MemoryCloud):
    """Says when the child has begun."""

    def __init__(self, *answers: Lease | Exception) -> None:
        super().__init__(list(answers))
        self.begun = threading.Event()

    def lease(self, message: Message, action: Any, **names: Any) -> Lease:
        answer = super().lease(message, action, **names)
        if "begun" in names.get("get", ()):
            self.begun.set()
        return answer


def test_child_gets_urls_and_has_the_last_word() -> None:
    lease = Heartbeat(MemoryCloud(), MESSAGE, leased())

    ending = runner("works").run(MESSAGE, lease, Stop())

    assert (ending.status, ending.reported) == (0, True)
    assert json.loads(ending.code) == [MESSAGE.task_id, {"source": "signed:source"}]


def test_child_gets_no_url_when_there_is_none() -> None:
    lease = Heartbeat(MemoryCloud([trouble()]), MESSAGE, leased())

    ending = runner("works").run(MESSAGE, lease, Stop())

    assert json.loads(ending.code) == [MESSAGE.task_id, None]


def test_child_has_no_credentials() -> None:
    secret = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": "u"}

    ending = runner("shows_environment", **secret).run(
        MESSAGE, Heartbeat(MemoryCloud(), MESSAGE, leased()), Stop()
    )

    seen = json.loads(ending.code)
    assert "PATH" in seen
    assert not [name for name in seen if name.startswith("AWS")]


def test_crash_is_told_and_the_worker_lives() -> None:
    ending = runner("crashes").run(MESSAGE, Heartbeat(MemoryCloud(), MESSAGE, leased()), Stop())

    assert (ending.status, ending.reported) == (-signal.SIGSEGV, False)


def test_child_checkpoints_when_the_worker_is_told_to_stop() -> None:
    cloud, stop = Ringing(), Stop()
    threading.Thread(target=lambda: cloud.begun.wait(20) and stop.request(), daemon=True).start()

    ending = runner("checkpoints").run(MESSAGE, Heartbeat(cloud, MESSAGE, leased()), stop)

    assert (ending.status, ending.code) == (143, "interrupted")


def test_child_is_ended_when_the_lease_is_lost() -> None:
    cloud = Ringing()
    lease = Heartbeat(cloud, MESSAGE, leased())
    threading.Thread(target=lambda: cloud.begun.wait(20) and lease.lost.set(), daemon=True).start()

    assert runner("checkpoints").run(MESSAGE, lease, Stop()).status == 143


def test_child_sees_that_the_worker_is_gone() -> None:
    cloud = Ringing()
    lease = Heartbeat(cloud, MESSAGE, leased())
    found = runner("hears_hang_up")

    def die() -> None:
        cloud.begun.wait(20)
        lease.lost.set()

    threading.Thread(target=die, daemon=True).start()
    ending = found.run(MESSAGE, lease, Stop())

    assert ending.status in (0, -signal.SIGTERM)
