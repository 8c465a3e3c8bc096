"""`POST /v1/jobs/{job_id}/redrive`, over fakes."""

from __future__ import annotations

import pytest

from dailies.domain.changes import Draft
from dailies.domain.jobs import Job, JobError, JobState
from dailies.handlers.api import handler
from tests.fakes.api import START, ApiClient, ApiFakes

BODY = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a red fox"}


@pytest.fixture
def fakes() -> ApiFakes:
    return ApiFakes()


@pytest.fixture
def api(fakes: ApiFakes) -> ApiClient:
    return ApiClient(handler, fakes)


def job_in(state: JobState, api: ApiClient, fakes: ApiFakes) -> Job:
    created = api.post("/v1/jobs", BODY, headers={"Idempotency-Key": "key-1"})
    job = fakes.ledger.job(created.json["job_id"])
    assert job is not None
    error = JobError(code="expired", message="The job had no result by its deadline.")
    fakes.ledger.apply(Draft(job=job, now=START).set(state=state, error=error).change())
    return job


def test_job_goes_on_when_it_had_expired(api: ApiClient, fakes: ApiFakes) -> None:
    job = job_in(JobState.EXPIRED, api, fakes)

    reply = api.post(f"/v1/jobs/{job.job_id}/redrive")
    read = api.get(f"/v1/jobs/{job.job_id}")

    assert (reply.status, reply.json["state"], reply.json["error"]) == (202, "running", None)
    assert reply.headers["Location"] == f"/v1/jobs/{job.job_id}"
    assert int(reply.headers["Retry-After"]) >= 1
    assert read.json["state"] == "running"


def test_second_redrive_answers_the_same_when_the_job_runs_already(
    api: ApiClient, fakes: ApiFakes
) -> None:
    job = job_in(JobState.EXPIRED, api, fakes)
    first = api.post(f"/v1/jobs/{job.job_id}/redrive")

    second = api.post(f"/v1/jobs/{job.job_id}/redrive")

    assert (second.status, second.json) == (202, first.json)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.CANCELED])
def test_problem_says_that_nothing_is_charged_when_there_is_nothing_to_redrive(
    api: ApiClient, fakes: ApiFakes, state: JobState
) -> None:
    job = job_in(state, api, fakes)

    reply = api.post(f"/v1/jobs/{job.job_id}/redrive")

    assert (reply.status, reply.json["code"]) == (409, "nothing_to_redrive")
    assert (reply.json["retryable"], reply.json["charged"]) == (False, "no")


def test_job_does_not_exist_when_it_is_another_tenants(api: ApiClient, fakes: ApiFakes) -> None:
    job = job_in(JobState.FAILED, api, fakes)
    stranger = ApiClient(handler, fakes, tenant="umbrella")

    reply = stranger.post(f"/v1/jobs/{job.job_id}/redrive")

    assert (reply.status, reply.json["code"]) == (404, "not_found")
