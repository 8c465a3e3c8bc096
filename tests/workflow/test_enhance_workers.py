"""`enhance_workers.asl.json` in moto's interpreter, with the real handlers on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dailies.handlers import fail_task, finish_task, lease_task, queue_task, read_report
from dailies.services.fail_task import ERROR
from dailies.services.finish_task import FinishPorts
from dailies.services.lease_task import LeasePorts
from dailies.services.queue_task import QueuePorts
from tests.fakes.time import ManualClock
from tests.fakes.workers import (
    PREFIX,
    TASK,
    MemoryObjects,
    MemoryQueue,
    MemoryTasks,
    compute_task,
    spec,
)
from tests.workflow.harness import (
    Ended,
    create_machine,
    ended,
    function_arn,
    function_name,
    interpreter,
    lambda_error,
    sfn,
    text_of,
    wait_on,
)
from tests.workflow.wiring import Context

LEASE_S = 60
A_DAY_S = 86_400


class SentTokens:
    """The TaskTokens port on the interpreter itself."""

    def succeed(self, token: str, output: Any) -> None:
        sfn().send_task_success(taskToken=token, output=json.dumps(dict(output)))

    def fail(self, token: str, error: str, cause: str) -> None:
        sfn().send_task_failure(taskToken=token, error=error, cause=cause)


class Jobs:
    """Jobs that run the task."""

    def job(self, job_id: str) -> Any:
        return self

    running_task = compute_task()


@dataclass
class World:
    """The machine and all that it touches; `work` is what happens once a message is there."""

    work: Callable[[World], None] = lambda world: None
    clock: ManualClock = field(default_factory=ManualClock)
    tasks: MemoryTasks = field(default_factory=MemoryTasks)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    platform_errors: list[str] = field(default_factory=list)
    """Error names that Lambda answers with first, once the function has run."""

    def __post_init__(self) -> None:
        self.objects.hold(f"{PREFIX}spec.json", spec())

    def invoke(self, parameters: dict[str, Any]) -> Any:
        payload = json.loads(parameters["Payload"])
        handlers = {"QueueTask": self._queue_task, "ReadReport": self._read_report}
        try:
            answer = handlers[function_name(parameters["FunctionName"])](payload)
        except Exception as exc:
            raise lambda_error(type(exc).__name__, str(exc)) from exc
        if self.platform_errors:
            raise lambda_error(self.platform_errors.pop(0))
        return {"StatusCode": 200, "Payload": answer}

    def _queue_task(self, payload: dict[str, Any]) -> None:
        ports = QueuePorts(self.tasks, self.objects, self.queue, self.clock)
        queue_task.handler(payload, Context(), ports)
        self.clock.after(5, lambda: self.work(self))

    def _read_report(self, payload: dict[str, Any]) -> dict[str, Any]:
        return read_report.handler(payload, Context(), self.objects)

    # what workers do

    def lease(self, worker: str = "ann", action: str = "claim") -> str:
        jobs: Any = Jobs()
        ports = LeasePorts(self.tasks, jobs, self.objects, self.clock, LEASE_S, 8, 30)
        asked = {"v": 1, "task_id": TASK, "worker": worker, "action": action}
        return lease_task.handler(asked, Context(), ports)["state"]

    def finish(self, outcome: str, worker: str = "ann") -> None:
        self.objects.hold(f"{PREFIX}report.json", {"task_id": TASK, "outcome": outcome})
        asked = {"v": 1, "task_id": TASK, "worker": worker, "outcome": outcome}
        assert finish_task.handler(asked, Context(), self._ends)["state"] == "finished"

    def give_up(self) -> dict[str, Any]:
        record = {"messageId": "1", "body": TASK}
        return fail_task.handler({"Records": [record]}, Context(), self._ends)

    @property
    def _ends(self) -> FinishPorts:
        return FinishPorts(self.tasks, SentTokens(), self.clock)

    def run(self) -> Ended:
        """Run the machine to its end."""
        names = ("QueueTask", "ReadReport")
        text = text_of(
            "enhance_workers", {f"{name}FunctionArn": function_arn(name) for name in names}
        )
        execution = sfn().start_execution(
            stateMachineArn=create_machine("workers", text),
            name=TASK,
            input=compute_task().model_dump_json(),
        )
        return ended(execution["executionArn"])


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Return what makes a world."""
    worlds: list[World] = []

    def make(work: Callable[[World], None] = lambda world: None) -> World:
        worlds.append(World(work))
        wait_on(worlds[0].clock, monkeypatch)
        return worlds[0]

    with interpreter(
        monkeypatch,
        sleep=lambda seconds: worlds[0].clock.sleep(seconds),
        invoke=lambda parameters: worlds[0].invoke(parameters),
    ):
        yield make


Make = Callable[..., World]


@pytest.mark.parametrize("outcome", ["ok", "partial_input", "bad_input", "no_device", "internal"])
def test_task_ends_well_when_a_worker_said_how_it_ended(deployed: Make, outcome: str) -> None:
    def work(world: World) -> None:
        assert world.lease() == "leased"
        world.finish(outcome)

    found = deployed(work).run()

    assert found.status == "SUCCEEDED", (found.error, found.cause)
    assert json.loads(found.output) == {"v": 1, "task_id": TASK, "outcome": outcome}
    assert found.visited == ["QueueTask", "ReadReport", "Told", "Done"]


def test_another_worker_ends_it_when_the_first_one_died(deployed: Make) -> None:
    def work(world: World) -> None:
        assert world.lease("ann") == "leased"
        world.clock.after(LEASE_S / 2, lambda: taken.append(world.lease("bob")))
        world.clock.after(LEASE_S, lambda: taken.append(world.lease("bob")))
        world.clock.after(LEASE_S + 9, lambda: world.finish("ok", "bob"))

    taken: list[str] = []
    found = deployed(work).run()

    assert taken == ["taken", "leased"]
    assert (found.status, json.loads(found.output)["outcome"]) == ("SUCCEEDED", "ok")


def test_task_is_lost_when_no_worker_could_end_it(deployed: Make) -> None:
    found = deployed(lambda world: world.give_up() and None).run()

    assert (found.status, found.error) == ("FAILED", "TaskLost")
    assert found.cause.endswith(ERROR)
    assert found.visited == ["QueueTask", "ReadReport", "Told", "TaskLost"]


def test_report_is_the_truth_when_its_worker_died_before_it_said_so(deployed: Make) -> None:
    def work(world: World) -> None:
        world.objects.hold(f"{PREFIX}report.json", {"task_id": TASK, "outcome": "ok"})
        world.give_up()

    found = deployed(work).run()

    assert (found.status, json.loads(found.output)["outcome"]) == ("SUCCEEDED", "ok")


def test_held_task_is_not_given_up(deployed: Make) -> None:
    def work(world: World) -> None:
        world.lease("ann")
        kept.append(world.give_up())
        world.clock.after(30, lambda: world.finish("ok"))

    kept: list[dict[str, Any]] = []
    found = deployed(work).run()

    assert kept[0]["batchItemFailures"]
    assert found.status == "SUCCEEDED"


def test_task_is_lost_when_nobody_ever_comes(deployed: Make) -> None:
    world = deployed()

    found = world.run()

    assert (found.status, found.error) == ("FAILED", "TaskLost")
    assert found.cause.endswith("States.Timeout")
    assert world.clock.monotonic() == pytest.approx(A_DAY_S, abs=60)


def test_new_token_counts_when_queueing_is_tried_again(deployed: Make) -> None:
    def work(world: World) -> None:
        if world.lease() == "leased":
            world.finish("ok")

    world = deployed(work)
    world.platform_errors = ["Sandbox.Timedout"]

    found = world.run()

    assert (found.status, json.loads(found.output)["outcome"]) == ("SUCCEEDED", "ok")
    assert world.queue.sent == [TASK, TASK], "the second message finds nothing to do"
    assert world.lease() == "gone"


def test_task_without_a_spec_is_lost_at_once(deployed: Make) -> None:
    world = deployed()
    world.objects.objects.clear()

    found = world.run()

    assert (found.status, found.error) == ("FAILED", "TaskLost")
    assert found.cause.endswith("Permanent")
    assert world.clock.monotonic() < 60
