"""The deployed API, its authorizer included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.twin.api import Api
from tests.e2e.crew import KLING, Crew

BODY = {"kind": "text_to_video", "model": KLING, "prompt": "A quiet street"}


@pytest.fixture(scope="module")
def rival(crew: Crew) -> Iterator[Api]:
    """Another tenant."""
    with Api(crew.twin.url, crew.twin.issue("rival").api_key) as rival:
        yield rival


@pytest.fixture(scope="module")
def job_id(crew: Crew) -> str:
    return crew.api.create_job(BODY, idempotency_key="street-1")


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def test_answer_is_the_stored_one_when_a_request_is_repeated(crew: Crew, job_id: str) -> None:
    answer = crew.api.http.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "street-1"})

    assert answer.status_code == 202
    assert answer.headers["idempotency-replayed"] == "true"
    assert answer.headers["location"] == f"/v1/jobs/{job_id}"
    assert answer.json()["job_id"] == job_id
    assert len(crew.tasks({"job_id": crew.api.await_end(job_id)["job_id"]})) == 1


def test_request_is_refused_when_its_key_belongs_to_another_one(crew: Crew, job_id: str) -> None:
    other = BODY | {"prompt": "A loud street"}

    answer = crew.api.http.post("/v1/jobs", json=other, headers={"Idempotency-Key": "street-1"})

    assert problem(answer, 422)["code"] == "idempotency_key_reused"


def test_request_is_refused_when_it_has_no_idempotency_key(crew: Crew) -> None:
    assert problem(crew.api.http.post("/v1/jobs", json=BODY), 400)["charged"] == "no"


@pytest.mark.parametrize("key", ["", "dk_local_wrong"])
def test_nobody_gets_in_when_the_api_key_is_not_one(crew: Crew, key: str) -> None:
    with Api(crew.twin.url, key) as stranger:
        answer = stranger.http.get("/v1/jobs")

    assert answer.status_code in {401, 403}


def test_job_does_not_exist_when_it_is_another_tenants(rival: Api, job_id: str) -> None:
    for path in ("", "/attempts", "/events"):
        assert problem(rival.http.get(f"/v1/jobs/{job_id}{path}"), 404)["code"] == "not_found"
    assert rival.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 404
    assert rival.http.get("/v1/jobs").json()["items"] == []


def test_waiting_read_answers_with_the_end_when_it_is_near(crew: Crew) -> None:
    job_id = crew.start("A short wait", KLING)
    answer: dict[str, Any] = {}
    for _ in range(3):
        answer = crew.api.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=20"}).json()
        if answer["finished_at"]:
            break

    assert answer["state"] == "succeeded"


def test_public_pages_answer_when_nobody_is_signed_in(crew: Crew) -> None:
    with Api(crew.twin.url) as stranger:
        assert stranger.http.get("/healthz").json() == {"status": "ok"}
        assert stranger.http.get("/openapi.json").json()["openapi"].startswith("3.1")
