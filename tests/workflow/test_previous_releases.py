"""Executions outlive deploys: each released definition runs against today's handlers.

A release adds its definition as `tests/fixtures/definitions/generate-v<n>.asl.json`. A file goes
when no execution of that release can be running any more (30 hours).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dailies.domain.jobs import JobState
from tests.workflow.deployment import Deployment, deployment
from tests.workflow.stories import GOOGLE

RELEASES = sorted((Path(__file__).parents[1] / "fixtures" / "definitions").glob("generate-v*.json"))


@pytest.fixture(params=RELEASES, ids=lambda path: path.name.split(".")[0])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with deployment(monkeypatch, request.param.read_text("utf-8")) as deployed:
        yield deployed


def test_there_is_a_release() -> None:
    assert RELEASES


def test_job_fails_over_and_succeeds_when_an_older_definition_runs_it(stage: Deployment) -> None:
    stage.kling.submits = ["throttle", "lost"]
    stage.kling.outcome = "fail"

    job_id = stage.run(fallbacks=[GOOGLE])

    assert stage.job(job_id).state is JobState.SUCCEEDED
    assert {"Resolve", "Await", "Poll", "Store"} <= set(stage.execution(job_id).visited)


def test_job_fails_when_an_older_definition_runs_it(stage: Deployment) -> None:
    stage.kling.submits = ["reject"]

    job_id = stage.run()

    assert stage.execution(job_id).error == "JobFailed"
    assert stage.job(job_id).state is JobState.FAILED
