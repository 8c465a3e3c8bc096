"""The life of a job through the real definition and services, on a virtual clock."""

from __future__ import annotations

from dailies.domain.jobs import Charged, JobState
from tests.workflow.stage import two_vendors


def test_a_job_succeeds_when_its_vendor_calls_back() -> None:
    stage = two_vendors()
    job_id = stage.create()
    stage.run()
    job = stage.job(job_id)
    assert job.state is JobState.SUCCEEDED, stage.visited(job_id)
    assert job.charged is Charged.YES
    assert len(job.assets) == 1
    assert stage.vendors["kling"].calls == ["submit:accept", "poll"]
