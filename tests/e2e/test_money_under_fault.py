"""Whatever goes wrong around the paid call: one paid task, never two."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from local.emulator.settings import READY_FILE
from tests.e2e.crew import GOOGLE, KLING, Crew, until

Jobs = dict[str, dict[str, Any]]
NAMES = ("kling throttled", "google throttled", "lost answer", "error after acceptance")


@pytest.fixture(scope="module")
def jobs(crew: Crew) -> Jobs:
    return crew.finish(
        {
            "kling throttled": crew.start("A throttled owl", KLING),
            "google throttled": crew.start("A throttled fox", GOOGLE),
            "lost answer": crew.start("A lost answer", KLING),
            "error after acceptance": crew.start("An error after acceptance", KLING),
        }
    )


@pytest.mark.parametrize("name", NAMES)
def test_one_task_is_paid_when_the_submit_is_disturbed(crew: Crew, jobs: Jobs, name: str) -> None:
    job = jobs[name]

    assert job["state"] == "succeeded", job["error"]
    assert len(crew.tasks(job, job["attempt"]["vendor"])) == 1
    assert len(crew.paid_attempts(job)) == 1


@pytest.mark.parametrize("name", ["kling throttled", "google throttled"])
def test_attempt_is_submitted_again_when_the_vendor_throttled_it(
    crew: Crew, jobs: Jobs, name: str
) -> None:
    (attempt,) = crew.api.attempts(jobs[name]["job_id"])

    assert attempt["submits"] == 2


def test_task_is_looked_up_and_not_sent_again_when_the_answer_was_lost(
    crew: Crew, jobs: Jobs
) -> None:
    (attempt,) = crew.api.attempts(jobs["lost answer"]["job_id"])

    assert attempt["submits"] == 1
    assert attempt["lookups"] >= 1


def test_task_is_looked_up_when_the_vendor_refuses_the_duplicate(crew: Crew, jobs: Jobs) -> None:
    # Kling said that it had failed, though it had not: the same id is sent again, and refused.
    (attempt,) = crew.api.attempts(jobs["error after acceptance"]["job_id"])

    assert attempt["lookups"] >= 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_one_task_is_paid_when_every_function_dies_during_the_submit(
    crew: Crew, moment: str
) -> None:
    job_id = crew.start(f"A function killed {moment} acceptance", KLING)
    attempts = until(
        lambda: crew.api.attempts(job_id), lambda a: bool(a) and a[0]["state"] == "submitting"
    )
    assert attempts[0]["state"] == "submitting"

    kill_functions(crew)
    until(lambda: crew.api.http.get(f"/v1/jobs/{job_id}").status_code, lambda status: status == 200)

    job = crew.api.await_end(job_id, 90)
    assert job["state"] == "succeeded", job["error"]
    assert len(crew.tasks(job)) == 1
    (attempt,) = crew.api.attempts(job_id)
    assert attempt["submits"] == 1


def kill_functions(crew: Crew) -> None:
    """Kill the emulator's children, as a host that fails takes every sandbox with it."""
    ready = crew.twin.emulator.state_dir / READY_FILE
    emulator = json.loads(ready.read_text("utf-8"))["pid"]
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    for line in shown.stdout.splitlines():
        process, parent = map(int, line.split())
        if parent == emulator:
            os.kill(process, signal.SIGKILL)
