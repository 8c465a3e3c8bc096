"""The edges of what serves workers: requests are validated, errors get the names that ASL knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dailies.handlers import fail_task, finish_task, lease_task, queue_task, read_report
from dailies.handlers.boundary import Permanent, Transient
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
    RecordedTokens,
    compute_task,
    queue_input,
    spec,
)
from tests.workflow.wiring import Context


class Jobs:
    """Jobs that run what is asked for."""

    def job(self, job_id: str) -> Any:
        return self

    running_task = compute_task()


@pytest.fixture
def ports() -> dict[str, Any]:
    tasks, clock, objects = MemoryTasks(), ManualClock(), MemoryObjects()
    objects.hold(f"{PREFIX}spec.json", spec())
    jobs: Any = Jobs()
    return {
        "queue": QueuePorts(tasks, objects, MemoryQueue(), clock),
        "lease": LeasePorts(tasks, jobs, objects, clock, 60, 8, 30),
        "end": FinishPorts(tasks, RecordedTokens(), clock),
    }


def ask(**changed: Any) -> dict[str, Any]:
    return {"v": 1, "task_id": TASK, "worker": "ann-1.lan"} | changed


def test_task_goes_through_all_of_them(ports: dict[str, Any]) -> None:
    context = Context()
    queue_task.handler(queue_input().model_dump(), context, ports["queue"])

    leased = lease_task.handler(
        ask(action="claim", get=["source"], put=["output"]), context, ports["lease"]
    )
    finished = finish_task.handler(ask(outcome="ok"), context, ports["end"])

    assert json.loads(json.dumps(leased))["state"] == "leased"
    assert set(leased["get"]) == {"source"} and set(leased["put"]) == {"output"}
    assert finished == {"v": 1, "state": "finished"}


@pytest.mark.parametrize(
    "request_",
    [
        ask(action="steal"),
        ask(action="claim", task_id="../x"),
        ask(action="claim", worker="a b"),
        ask(action="claim", token="t"),
        ask(action="claim", get=["spec.json"] * 65),
        ask(action="claim", put=["spec.json"]),
    ],
)
def test_request_that_makes_no_sense_is_refused_for_good(
    ports: dict[str, Any], request_: dict[str, Any]
) -> None:
    queue_task.handler(queue_input().model_dump(), Context(), ports["queue"])

    with pytest.raises(Permanent):
        lease_task.handler(request_, Context(), ports["lease"])


def test_outcome_must_be_a_word(ports: dict[str, Any]) -> None:
    with pytest.raises(Permanent):
        finish_task.handler(ask(outcome="Ok!"), Context(), ports["end"])


def test_queueing_is_tried_again_when_the_queue_is_down(ports: dict[str, Any]) -> None:
    ports["queue"].queue.down = True

    with pytest.raises(Transient):
        queue_task.handler(queue_input().model_dump(), Context(), ports["queue"])


def test_only_the_held_task_comes_again_when_dead_letters_come(ports: dict[str, Any]) -> None:
    queue_task.handler(queue_input().model_dump(), Context(), ports["queue"])
    lease_task.handler(ask(action="claim"), Context(), ports["lease"])
    records = [{"messageId": "1", "body": TASK}, {"messageId": "2", "body": "junk"}]

    answer = fail_task.handler({"Records": records}, Context(), ports["end"])

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_report_of_the_steps_task_is_read() -> None:
    objects = MemoryObjects()
    objects.hold(f"{PREFIX}report.json", {"task_id": TASK, "outcome": "ok"})

    answer = read_report.handler(compute_task().model_dump(), Context(), objects)

    assert answer == {"v": 1, "task_id": TASK, "outcome": "ok"}
