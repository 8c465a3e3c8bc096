"""How long after a task's end the job notices: measured over many drawn durations."""

from __future__ import annotations

import random
from itertools import pairwise
from statistics import mean

import pytest

from dailies.domain.catalogue import load_catalogue
from tests.workflow.stage import Stage, two_vendors
from tests.workflow.stories import GOOGLE, KLING

ASKING_S = 0.3
"""One question: the job's row, the vendor's answer, the clock of the machine beneath."""
NEXT_STATE_S = 0.2
"""From one invocation's end to the next one's first question."""
JOBS = 150


def delays_s(model: str, low: float, high: float, **kind: bool) -> list[float]:
    """Return what each of many jobs of a vendor took to notice its task's end."""
    draw = random.Random(model + str(low))
    found: list[float] = []
    for _ in range(JOBS):
        duration_s = draw.uniform(low, high)
        stage = two_vendors(**kind)
        vendor = stage.vendors[model.partition("/")[0]]
        vendor.duration_s = duration_s
        _takes_time(stage)
        job_id = stage.create(model=model)
        stage.run()
        (task,) = vendor.tasks.values()
        seen = next(
            event.at
            for event in stage.ledger.events(job_id)
            if event.data.get("stage") == "storing"
        )
        found.append((seen - task.created_at).total_seconds() - duration_s)
    return found


def _takes_time(stage: Stage) -> None:
    """Let each question to a vendor, and the way to it, cost time."""
    for vendor in stage.vendors.values():
        passed = vendor.interrupt

        def interrupt(phase: str, call: str, passed: object = passed) -> None:
            passed(phase, call)  # type: ignore[operator]
            if (phase, call) == ("before", "poll"):
                stage.clock.sleep(ASKING_S)

        vendor.interrupt = interrupt
    poll = stage.handlers["Poll"]

    def later(event: object) -> object:
        stage.clock.sleep(NEXT_STATE_S)
        return poll(event)  # type: ignore[arg-type]

    stage.handlers["Poll"] = later


def latency(model: str) -> tuple[float, float]:
    vendor, _, name = model.partition("/")
    figures = load_catalogue().route(vendor, name)[1].latency_s
    return figures.q02, figures.p95


def test_callback_is_noticed_within_a_second() -> None:
    q02, p95 = latency(KLING)

    assert max(delays_s(KLING, q02, p95)) <= 1


@pytest.mark.parametrize("model", [GOOGLE, KLING])
def test_end_is_noticed_within_a_second_and_a_half_when_poll_holds(model: str) -> None:
    q02, p95 = latency(model)

    delays = delays_s(model, q02, p95, reachable=False)

    assert mean(delays) <= 1.5
    assert max(delays) <= 3


@pytest.mark.parametrize("model", [GOOGLE, KLING])
def test_end_is_noticed_within_five_seconds_in_plain_waits(model: str) -> None:
    _, p95 = latency(model)

    assert mean(delays_s(model, 2.1 * p95, 3 * p95, reachable=False)) <= 5


def test_vendor_is_never_asked_more_often_than_it_allows_when_poll_holds() -> None:
    stage = two_vendors(reachable=False)
    google = stage.vendors["google"]
    google.duration_s = 400
    stage.create(model=GOOGLE)
    stage.run()

    least_s = stage.catalogue.vendor("google").min_poll_interval_s
    asked = google.polled_at
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(asked)]
    assert len(gaps) > 100
    assert least_s <= min(gaps) <= max(gaps) <= 3
