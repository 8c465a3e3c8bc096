"""What messages say of a job."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from pydantic import TypeAdapter

from dailies.domain.events import EventType
from dailies.domain.jobs import JobError, JobState
from dailies.domain.notifications import bus_detail, email_sink, iso, job_facts, webhook_body
from dailies.handlers.api.job_views import JobView
from tests.fakes.notification import START, event, job


@pytest.mark.parametrize("attempts", [0, 1])
def test_facts_have_the_names_and_types_of_the_api(attempts: int) -> None:
    failed = job(
        {}, state=JobState.FAILED, attempt=attempts, error=JobError(code="x", message="Failed.")
    )

    for name, value in job_facts(failed).items():
        if name != "links":
            TypeAdapter(JobView.model_fields[name].annotation).validate_python(value)


def test_facts_do_not_tell_whom_else_the_job_tells() -> None:
    told = job({"webhook": {"url": "https://a.example/x"}, "email": ["a@b.example"], "sns": True})

    text = json.dumps(job_facts(told))

    assert "example" not in text
    assert "sns" not in text


def test_attempt_is_null_when_nothing_was_asked_of_a_vendor() -> None:
    assert job_facts(job({}, state=JobState.FAILED, attempt=0))["attempt"] is None


def test_vendor_is_the_one_in_use_when_the_job_failed_over() -> None:
    over = job({}).model_copy(update={"routes": ["kling/a", "google/b"], "route": 1, "attempt": 2})

    attempt = job_facts(over)["attempt"]

    assert (attempt["vendor"], attempt["model"], attempt["number"]) == ("google", "b", 2)


def test_detail_fits_the_bus_when_everything_is_as_long_as_allowed() -> None:
    full = job({}).model_copy(update={"assets": ["ast_" + "0" * 26] * 50})
    metadata = {f"{n:064d}": "é" * 512 for n in range(16)}
    full = full.model_copy(
        update={"request": full.request.model_copy(update={"metadata": metadata})}
    )

    # EventBridge takes 256 KiB an entry.
    assert len(json.dumps(bus_detail(event(), full))) < 128 * 1024


def test_body_keeps_other_scripts_readable() -> None:
    told = job({})
    request = told.request.model_copy(update={"metadata": {"title": "灯台"}})

    body = webhook_body(event(), told.model_copy(update={"request": request}))

    assert "灯台".encode() in body


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (START, "2026-11-20T12:00:00.000Z"),
        (
            dt.datetime(2026, 1, 2, 3, 4, 5, 678900, dt.timezone(dt.timedelta(hours=2))),
            "2026-01-02T01:04:05.678Z",
        ),
    ],
)
def test_times_are_utc_with_milliseconds(at: dt.datetime, text: str) -> None:
    assert iso(at) == text


def test_email_sink_is_the_same_however_the_address_is_spelled() -> None:
    assert email_sink("Ann@Example.com") == email_sink("ann@example.com")
    assert "ann" not in email_sink("ann@example.com")


def test_body_names_the_events_type_and_number() -> None:
    message = json.loads(webhook_body(event(EventType.JOB_PROGRESS, 4), job({})))

    assert (message["type"], message["data"]["seq"]) == ("job.progress", 4)
