"""The twin is killed at random points of a job's life: it goes on, and nothing is paid twice.

`DAILIES_RESTARTS=20` kills it that often, `DAILIES_RESTART_SEED=7` at other points.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.emulator.settings import SAVE_INTERVAL_S
from local.twin.api import Api
from local.twin.twin import Access, Twin
from tests.e2e.crew import GOOGLE, KLING

_FOLDER = Path(__file__).resolve().parents[2] / ".local" / "e2e-restart"
_RESTARTS = int(os.environ.get("DAILIES_RESTARTS", "5"))
_SEED = int(os.environ.get("DAILIES_RESTART_SEED", "1"))
_LATEST_S = 8.0


@pytest.fixture(scope="module", autouse=True)
def folder() -> Iterator[None]:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    yield


def twin() -> Twin:
    return Twin(_FOLDER, speed=20, persist=True)


def tasks_of(job_id: str, running: Twin) -> list[dict[str, Any]]:
    """Return every task that any vendor counts for a job."""
    return [
        task
        for vendor in ("kling", "google")
        for task in running.simulated(vendor)["tasks"]
        if f"att_{job_id.removeprefix('job_')}_" in task["external_id"]
    ]


def test_jobs_go_on_and_are_paid_once_when_the_twin_is_killed_at_random_points() -> None:
    choose = random.Random(_SEED)
    jobs: list[str] = []
    lost: list[str] = []
    access: Access | None = None
    for restart in range(_RESTARTS + 1):
        with twin() as running:
            access = access or running.issue("acme")
            if restart == 0:
                time.sleep(SAVE_INTERVAL_S * 2)  # the stacks and the key are kept from here on
            with Api(running.url, access.api_key) as api:
                if jobs:
                    lost += check(jobs[-1], api, running)
                if restart == _RESTARTS:
                    break
                model = choose.choice([KLING, GOOGLE])
                body = {"kind": "text_to_video", "model": model, "prompt": f"Heron {restart}"}
                jobs.append(api.create_job(body))
                time.sleep(choose.uniform(0, _LATEST_S))
            running.kill()
    assert len(lost) < len(jobs), "some were saved before the kill"


def check(job_id: str, api: Api, running: Twin) -> list[str]:
    """Assert what must be true of a job that was cut off; return it where the ledger lost it."""
    if api.http.get(f"/v1/jobs/{job_id}").status_code == 404:
        # Created after the last save. Whatever a vendor took is told, and nothing is ordered anew.
        told = "\n".join(running.warnings)
        assert all(task["id"] in told for task in tasks_of(job_id, running))
        return [job_id]
    job = api.await_end(job_id)
    assert job["state"] == "succeeded", (job, running.warnings, running.resumed)
    assert len(tasks_of(job_id, running)) == 1
    assert sum(1 for one in api.attempts(job_id) if one["charge"]) == 1
    return []
