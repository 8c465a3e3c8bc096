"""What becomes of a message."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from enhance.exits import ExitCode
from enhance.worker.cloud import DeniedError, Lease, Message, RefusedError
from enhance.worker.heartbeat import Heartbeat
from enhance.worker.loop import Ending, Worker
from enhance.worker.stop import Stop
from tests.gpu.worker.cloud_double import LEASE_S, MESSAGE, MemoryCloud, trouble


class PatientStop(Stop):
    """Waits for nothing."""

    def wait(self, timeout_s: float) -> bool:
        return self.requested


@dataclass
class ScriptedRunner:
    """The Runner port."""

    ending: Ending = field(default_factory=lambda: Ending(0, "ok", True))
    during: Callable[[Heartbeat, Stop], None] = lambda lease, stop: None
    crash_is_reported: bool = True
    ran: int = 0
    crashes: list[int] = field(default_factory=list)

    def run(self, message: Message, lease: Heartbeat, stop: Stop) -> Ending:
        self.ran += 1
        self.during(lease, stop)
        return self.ending

    def report_crash(self, message: Message, lease: Heartbeat, ending: Ending) -> bool:
        self.crashes.append(ending.status)
        return self.crash_is_reported


def handled(cloud: MemoryCloud, runner: ScriptedRunner | None = None) -> list[tuple[Any, ...]]:
    """Let a worker handle the message; return its calls."""
    Worker(cloud, runner or ScriptedRunner(), PatientStop()).handle(MESSAGE)
    return cloud.calls


@pytest.mark.parametrize("code", [code for code in ExitCode if not code.retryable])
def test_message_is_deleted_once_the_end_was_heard(code: ExitCode) -> None:
    runner = ScriptedRunner(Ending(int(code), "word", reported=True))

    assert handled(MemoryCloud(), runner) == [("claim",), ("finish", code.outcome), ("delete",)]


def test_end_is_told_again_when_nobody_answered() -> None:
    cloud = MemoryCloud(finishes=[trouble(), trouble(), "finished"])

    assert handled(cloud)[-4:] == [("finish", "ok")] * 3 + [("delete",)]


def test_message_stays_when_the_end_was_never_heard() -> None:
    cloud = MemoryCloud(finishes=[trouble() for _ in range(6)], incoming=[MESSAGE])

    Worker(cloud, ScriptedRunner(), PatientStop()).serve(once=True)

    assert len(cloud.said("finish")) == 6
    assert not cloud.said("delete")


def test_message_stays_when_another_has_the_task_by_then() -> None:
    assert handled(MemoryCloud(finishes=["taken"])) == [("claim",), ("finish", "ok")]


@pytest.mark.parametrize("state", ["taken", "unsuited"])
def test_message_is_hidden_and_kept_when_it_is_not_for_us_now(state: Any) -> None:
    runner = ScriptedRunner()

    assert handled(MemoryCloud([Lease(state=state, wait_s=41)]), runner) == [
        ("claim",),
        ("hide", 41),
    ]
    assert runner.ran == 0


def test_message_is_deleted_when_nobody_needs_the_task() -> None:
    assert handled(MemoryCloud([Lease(state="gone")])) == [("claim",), ("delete",)]


@pytest.mark.parametrize(
    ("ending", "hidden_s"),
    [
        (Ending(int(ExitCode.INTERRUPTED), "interrupted", True), 0),
        (Ending(-signal.SIGKILL), 15),
        (Ending(1), 15),
        (Ending(int(ExitCode.OK), "ok", reported=False), 15),
        (Ending(int(ExitCode.INTERNAL), "storage_failed", True), 15),
    ],
)
def test_task_is_given_back_when_another_try_may_do_better(ending: Ending, hidden_s: int) -> None:
    assert handled(MemoryCloud(), ScriptedRunner(ending)) == [
        ("claim",),
        ("release",),
        ("hide", hidden_s),
    ]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL])
def test_crash_is_a_result(number: signal.Signals) -> None:
    runner = ScriptedRunner(Ending(-number))

    assert handled(MemoryCloud(), runner)[-2:] == [("finish", "internal"), ("delete",)]
    assert runner.crashes == [-number]


def test_crash_that_could_not_be_reported_is_tried_elsewhere() -> None:
    runner = ScriptedRunner(Ending(-signal.SIGSEGV), crash_is_reported=False)

    assert handled(MemoryCloud(), runner)[1:] == [("release",), ("hide", 15)]


@pytest.mark.parametrize("gone", [False, True])
def test_lost_task_is_neither_ended_nor_given_back(gone: bool) -> None:
    def lose(lease: Heartbeat, stop: Stop) -> None:
        lease.gone = gone
        lease.lost.set()

    runner = ScriptedRunner(Ending(0, "ok", True), during=lose)

    assert handled(MemoryCloud(), runner) == [("claim",), *([("delete",)] if gone else [])]


def test_task_goes_back_at_once_when_the_worker_is_told_to_stop() -> None:
    runner = ScriptedRunner(Ending(-signal.SIGKILL), during=lambda lease, stop: stop.request())
    cloud = MemoryCloud(incoming=[MESSAGE, MESSAGE])

    Worker(cloud, runner, PatientStop()).serve()

    assert cloud.calls == [("claim",), ("release",), ("hide", 0)]
    assert len(cloud.incoming) == 1, "nothing is begun any more"


def test_worker_goes_on_when_the_cloud_is_away_for_a_while() -> None:
    stop = PatientStop()
    cloud = MemoryCloud(
        answers=[trouble(), RefusedError("junk")],
        incoming=[trouble(), MESSAGE, trouble(), MESSAGE, None, MESSAGE],
        on_empty=stop.request,
    )

    Worker(cloud, ScriptedRunner(), stop).serve()

    assert [call[0] for call in cloud.calls] == ["claim", "claim", "claim", "finish", "delete"]


def test_worker_ends_when_its_credentials_are_refused() -> None:
    cloud = MemoryCloud(incoming=[DeniedError("denied")])

    with pytest.raises(DeniedError):
        Worker(cloud, ScriptedRunner(), PatientStop()).serve()


@pytest.mark.parametrize("incoming", [[None, MESSAGE], [MESSAGE, MESSAGE]])
def test_once_is_once(incoming: list[Message | None]) -> None:
    cloud = MemoryCloud(incoming=list(incoming))

    Worker(cloud, ScriptedRunner(), PatientStop()).serve(once=True)

    assert len(cloud.incoming) == 1


def test_lease_is_as_long_as_the_function_says() -> None:
    held: list[float] = []
    runner = ScriptedRunner(during=lambda lease, stop: held.append(lease._lease_s))

    handled(MemoryCloud(), runner)

    assert held == [LEASE_S]
