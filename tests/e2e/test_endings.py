"""Jobs that do not simply succeed: blocked, failed over, canceled, started late."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.domain.catalogue import load_catalogue
from dailies.domain.errors import StorageError
from dailies.domain.ids import new_id
from dailies.domain.jobs import JobRequest
from dailies.services.create_job import create_job
from tests.e2e.crew import GOOGLE, KLING, Crew, until

Jobs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def jobs(crew: Crew) -> Jobs:
    return crew.finish(
        {
            "kling blocked": crew.start("A forbidden garden", KLING, fallbacks=[GOOGLE]),
            "google blocked": crew.start("A forbidden city", GOOGLE, fallbacks=[KLING]),
            "failed over": crew.start("A machine breaks down", KLING, fallbacks=[GOOGLE]),
        }
    )


@pytest.mark.parametrize(
    ("name", "code", "state"),
    [
        ("kling blocked", "rejected_moderation", "rejected"),
        ("google blocked", "blocked", "blocked"),
    ],
)
def test_job_fails_with_reasons_and_without_charge_when_the_content_is_blocked(
    crew: Crew, jobs: Jobs, name: str, code: str, state: str
) -> None:
    job = jobs[name]

    assert job["state"] == "failed"
    assert job["error"]["code"] == code
    assert job["error"]["reasons"] or job["error"]["message"]
    assert job["charged"] == "no"
    assert [one["state"] for one in crew.api.attempts(job["job_id"])] == [state]


def test_next_model_is_asked_when_the_first_one_failed_for_sure(crew: Crew, jobs: Jobs) -> None:
    job = jobs["failed over"]
    first, second = crew.api.attempts(job["job_id"])

    assert job["state"] == "succeeded", job["error"]
    assert (first["vendor"], first["state"], first["charge"]) == ("kling", "failed", None)
    assert (second["vendor"], second["state"]) == ("google", "stored")
    assert len(crew.tasks(job, "google")) == 1


def test_canceled_job_keeps_its_late_asset_when_the_vendor_cannot_cancel(crew: Crew) -> None:
    job_id = crew.start("A change of mind", KLING)
    until(lambda: crew.api.job(job_id)["stage"], lambda stage: stage == "generating")

    asked = crew.api.http.post(f"/v1/jobs/{job_id}/cancel")

    assert asked.status_code == 202
    assert asked.json()["state"] == "canceling"
    job = crew.api.await_end(job_id)
    assert job["state"] == "canceled"
    assert job["charged"] == "yes"
    assert len(crew.tasks(job)) == 1


def test_nothing_is_paid_when_a_job_is_canceled_before_a_vendor_took_it(crew: Crew) -> None:
    job_id = crew.start("A job that is never accepted", KLING)
    until(
        lambda: crew.api.attempts(job_id),
        lambda attempts: bool(attempts) and attempts[0]["submits"] >= 1,
    )

    crew.api.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()

    job = crew.api.await_end(job_id)
    assert (job["state"], job["charged"]) == ("canceled", "no")
    assert crew.tasks(job) == []


class TwoMinutesAgo:
    """A clock that is slow."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) - dt.timedelta(minutes=2)


class LostStart:
    """A workflow that never hears of a start."""

    def start(self, job_id: str, run: int) -> bool:
        raise StorageError("the answer was lost")


def test_sweeper_starts_the_job_when_its_start_was_lost(crew: Crew) -> None:
    ledger = DynamoDbLedger(crew.twin.outputs["TableName"], crew.twin.emulator.client("dynamodb"))
    request = JobRequest.model_validate(
        {"kind": "text_to_video", "model": KLING, "prompt": "A letter that was lost"}
    )
    created = create_job(
        request,
        tenant="acme",
        idempotency_key="lost-start",
        describe=lambda job: "{}",
        trace_id="trace",
        ledger=ledger,
        workflow=LostStart(),  # type: ignore[arg-type]
        catalogue=load_catalogue(),
        clock=TwoMinutesAgo(),  # type: ignore[arg-type]
        new_id=new_id,
    )

    job = crew.api.await_end(created.job_id)

    assert job["state"] == "succeeded", job["error"]
    assert len(crew.tasks(job)) == 1
