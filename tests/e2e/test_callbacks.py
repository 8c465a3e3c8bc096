"""A callback is a hint: missing, repeated or forged, the poll is the truth."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.e2e.crew import KLING, Crew

Jobs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def jobs(crew: Crew) -> Jobs:
    return crew.finish(
        {
            "silent": crew.start("A silent vendor", KLING),
            "forged": crew.start("A forged letter", KLING),
            "repeated": crew.start("A repeated call", KLING),
        }
    )


@pytest.mark.parametrize("name", ["silent", "forged", "repeated"])
def test_job_succeeds_with_one_paid_task_when_callbacks_misbehave(
    crew: Crew, jobs: Jobs, name: str
) -> None:
    assert jobs[name]["state"] == "succeeded", jobs[name]["error"]
    assert len(crew.tasks(jobs[name])) == 1
    assert len(crew.paid_attempts(jobs[name])) == 1


def test_forged_callback_is_not_counted_when_its_signature_is_wrong(crew: Crew, jobs: Jobs) -> None:
    (task,) = crew.tasks(jobs["forged"])
    sent = [
        one
        for one in crew.twin.simulated("kling", "requests")["callbacks"]
        if one["task_id"] == task["id"]
    ]

    assert [one["answer"] for one in sent if one["kind"] == "forged"] == [204]
    genuine = sum(one["kind"] == "genuine" for one in sent)
    assert int(crew.row(jobs["forged"]["job_id"])["signal_seq"]["N"]) == genuine


def test_stranger_learns_nothing_when_the_callback_address_is_guessed(
    crew: Crew, jobs: Jobs
) -> None:
    attempt = f"att_{jobs['silent']['job_id'].removeprefix('job_')}_01"

    answer = httpx.post(
        f"{crew.twin.url}/v1/callbacks/kling/{attempt}/{'A' * 43}", json={}, trust_env=False
    )

    assert answer.status_code == 404
    assert answer.content == b""
