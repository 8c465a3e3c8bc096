"""The life of a job through the real definition and services, on a virtual clock."""

from __future__ import annotations

import pytest

from dailies.domain.jobs import Charged, JobState
from tests.fakes.time import ManualClock
from tests.fakes.vendor import Vendor
from tests.workflow.stage import Stage


@pytest.fixture
def stage() -> Stage:
    clock = ManualClock()
    return Stage(
        {
            "kling": Vendor("kling", clock),
            "google": Vendor("google", clock, lookup_kind="when_done", refuses_duplicates=False),
        },
        clock,
    )


def test_a_job_succeeds_when_its_vendor_calls_back(stage: Stage) -> None:
    job_id = stage.create()
    stage.calls_back_when_done(stage.vendors["kling"], job_id)
    stage.run()
    job = stage.snapshot(job_id).job
    assert job.state is JobState.SUCCEEDED, stage.walks
    assert job.charged is Charged.YES
    assert len(job.assets) == 1
    assert stage.vendors["kling"].calls == ["submit:accept", "poll"]
