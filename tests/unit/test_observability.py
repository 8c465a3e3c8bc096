"""What leaves a function: allowed fields of a log line, allowed dimensions of a metric."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from dailies import observability
from dailies.domain.attempts import Attempt, AttemptState, Charge
from dailies.domain.changes import Draft
from dailies.domain.errors import Rejection
from dailies.domain.events import EventType
from dailies.domain.jobs import Job, JobRequest, JobState, Stage
from dailies.domain.ports import Snapshot
from dailies.observability import METRICS, VENDOR_ERRORS, bind, count, logger, warn_of_vendor
from dailies.services.measure import measure

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
SECRET = "sk-live-0123456789"
Lines = pytest.CaptureFixture[str]


def written(capsys: Lines) -> list[dict[str, Any]]:
    """Return what was written, line by line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def figures(capsys: Lines) -> dict[str, tuple[float, dict[str, str]]]:
    """Return the metrics that were written, with their dimensions."""
    found: dict[str, tuple[float, dict[str, str]]] = {}
    for line in written(capsys):
        (directive,) = line.pop("_aws")["CloudWatchMetrics"]
        (metric,) = directive["Metrics"]
        (names,) = directive["Dimensions"]
        (value,) = line[metric["Name"]]
        assert metric["Name"] not in found
        found[metric["Name"]] = (value, {name: line[name] for name in names})
    return found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that formats a record as the logger would write it."""
    import logging

    def line(message: str, *, exc_info: Any = None, **extra: object) -> dict[str, Any]:
        record = logging.LogRecord("dailies", logging.ERROR, "f.py", 1, message, None, exc_info)
        record.__dict__.update(extra)
        parsed: dict[str, Any] = json.loads(logger.registered_formatter.format(record))
        return parsed

    return line


def job(**fields: Any) -> Job:
    request = JobRequest.model_validate(
        {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": SECRET}
    )
    values: dict[str, Any] = {
        "job_id": "job_1",
        "tenant": "acme",
        "state": JobState.RUNNING,
        "stage": Stage.GENERATING,
        "stage_at": NOW,
        "request": request,
        "routes": ["kling/kling-3.0"],
        "estimate_usd": Decimal("0.5"),
        "created_at": NOW,
        "updated_at": NOW,
        "deadline_at": NOW + dt.timedelta(hours=2),
    }
    return Job(**(values | fields))


def attempt(**fields: Any) -> Attempt:
    values: dict[str, Any] = {
        "job_id": "job_1",
        "number": 1,
        "attempt_id": "att_1",
        "vendor": "kling",
        "model": "kling-3.0",
        "state": AttemptState.GENERATING,
        "created_at": NOW,
        "submitting_at": NOW,
    }
    return Attempt(**(values | fields))


def changed(was: Attempt | None, now: Attempt | None, draft: Draft) -> None:
    if now is not None:
        draft.write_attempt(now, was=was.state if was else None)
    measure(Snapshot(draft.job, (was,) if was else ()), draft.change())


# ---------------------------------------------------------------- metrics


def test_line_has_exactly_the_fields_of_the_format_when_a_metric_is_written(
    capsys: Lines,
) -> None:
    count("StageSeconds", 3.5, vendor="kling", stage=Stage.STORING)

    (line,) = written(capsys)
    assert line.keys() == {"_aws", "vendor", "stage", "StageSeconds"}
    assert line["_aws"].keys() == {"Timestamp", "CloudWatchMetrics"}
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "Dailies",
        "Dimensions": [["vendor", "stage"]],
        "Metrics": [{"Name": "StageSeconds", "Unit": "Seconds"}],
    }
    assert (line["vendor"], line["stage"], line["StageSeconds"]) == ("kling", "storing", [3.5])


def test_line_has_no_dimension_when_none_is_given(capsys: Lines) -> None:
    count("DueJobs", 0)

    (line,) = written(capsys)
    assert line.keys() == {"_aws", "DueJobs"}
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_can_be_written_when_it_is_in_the_list(name: str, capsys: Lines) -> None:
    count(name, 2, vendor="kling")

    assert figures(capsys) == {name: (2.0, {"vendor": "kling"})}


def test_a_metric_is_refused_when_it_is_not_in_the_list(capsys: Lines) -> None:
    with pytest.raises(KeyError):
        count("JobsByTenant")
    assert not written(capsys)


def test_a_dimension_is_refused_when_it_is_neither_vendor_nor_stage() -> None:
    with pytest.raises(TypeError):
        count("Polls", tenant="acme")  # pyright: ignore[reportCallIssue]


# ---------------------------------------------------------------- what a change says


def test_end_and_last_stage_are_counted_when_a_job_ends(capsys: Lines) -> None:
    running = job(stage=Stage.NOTIFYING)
    draft = Draft(running, NOW + dt.timedelta(seconds=4)).set(state=JobState.SUCCEEDED)

    changed(attempt(), None, draft)

    assert figures(capsys) == {
        "JobsSucceeded": (1.0, {"vendor": "kling"}),
        "StageSeconds": (4.0, {"vendor": "kling", "stage": "notifying"}),
    }


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (JobState.FAILED, "JobsFailed"),
        (JobState.CANCELED, "JobsCanceled"),
        (JobState.EXPIRED, "JobsExpired"),
    ],
)
def test_a_job_without_attempt_is_nobodys_when_it_ends(
    state: JobState, name: str, capsys: Lines
) -> None:
    changed(None, None, Draft(job(), NOW).set(state=state))

    assert figures(capsys)[name] == (1.0, {"vendor": "none"})


def test_nothing_ends_twice_when_a_late_asset_is_attached(capsys: Lines) -> None:
    ended = job(state=JobState.EXPIRED)

    changed(attempt(), None, Draft(ended, NOW).set(assets=["ast_1"]))

    assert not figures(capsys)


def test_seconds_of_the_stage_that_was_left_are_counted_when_a_job_moves_on(
    capsys: Lines,
) -> None:
    later = NOW + dt.timedelta(seconds=61)

    changed(attempt(), None, Draft(job(), later).set(stage=Stage.STORING, stage_at=later))

    assert figures(capsys) == {"StageSeconds": (61.0, {"vendor": "kling", "stage": "generating"})}


def test_money_is_counted_once_when_a_charge_is_written(capsys: Lines) -> None:
    paid = attempt(charge=Charge(amount_usd=Decimal("0.42"), basis="vendor"))

    changed(attempt(), paid, Draft(job(), NOW))
    assert figures(capsys) == {"CostUsd": (0.42, {"vendor": "kling"})}

    changed(paid, paid, Draft(job(), NOW))
    assert not figures(capsys)


def test_only_new_polls_are_counted_when_an_attempt_is_written(capsys: Lines) -> None:
    changed(attempt(polls=7), attempt(polls=12), Draft(job(), NOW))

    assert figures(capsys) == {"Polls": (5.0, {"vendor": "kling"})}


def test_doubt_is_counted_with_its_age_when_nobody_knows(capsys: Lines) -> None:
    unknown = attempt(state=AttemptState.UNKNOWN)

    changed(unknown, unknown, Draft(job(), NOW + dt.timedelta(minutes=16)))

    assert figures(capsys) == {
        "UnknownAttempts": (1.0, {"vendor": "kling"}),
        "UnknownSeconds": (960.0, {"vendor": "kling"}),
    }


def test_submits_throttles_and_parked_jobs_are_counted_by_their_events(capsys: Lines) -> None:
    draft = Draft(job(), NOW)
    draft.event(EventType.ATTEMPT_SUBMITTING, attempt=1)
    draft.event(EventType.ATTEMPT_THROTTLED, code="provider_throttled")
    draft.event(EventType.JOB_PARKED, reason="runs_used_up")

    changed(attempt(), None, draft)

    assert set(figures(capsys)) == {
        "Submits",
        "Throttles",
        "VendorErrorsThrottled",
        "JobsParked",
    }


@pytest.mark.parametrize(
    ("state", "code", "name"),
    [
        ("rejected", f"rejected_{Rejection.AUTH}", "VendorErrorsLockedOut"),
        ("rejected", f"rejected_{Rejection.BALANCE}", "VendorErrorsLockedOut"),
        ("rejected", "configuration", "VendorErrorsLockedOut"),
        ("rejected", f"rejected_{Rejection.INVALID}", "VendorErrorsRejected"),
        ("rejected", f"rejected_{Rejection.MODERATION}", "VendorErrorsBlocked"),
        ("blocked", "blocked", "VendorErrorsBlocked"),
        ("failed", "vendor_failed", "VendorErrorsFailed"),
        ("failed", "result_wrong_type", "VendorErrorsFailed"),
        ("failed", "input_rejected", None),
        ("failed", "canceled", None),
        ("rejected", "invalid_request", None),
        ("abandoned", "never_created", None),
    ],
)
def test_an_attempts_end_is_counted_by_class_when_it_brought_nothing(
    state: str, code: str, name: str | None, capsys: Lines
) -> None:
    draft = Draft(job(), NOW).event(EventType.ATTEMPT_ENDED, state=state, code=code)

    changed(attempt(), None, draft)

    assert set(figures(capsys)) == ({name} if name else set())


def test_a_change_stands_when_it_cannot_be_counted(capsys: Lines) -> None:
    draft = Draft(job(), NOW).event(EventType.ATTEMPT_THROTTLED, code=["no", "word"])
    broken = draft.job.model_copy(update={"stage": None, "stage_at": None})
    change = draft.change()

    measure(Snapshot(broken, ()), type(change)(broken, change.after, change.states))

    assert "JobsSucceeded" not in capsys.readouterr().out


# ---------------------------------------------------------------- vendors' oddities


@pytest.mark.parametrize("code", sorted(VENDOR_ERRORS))
def test_a_vendors_error_is_counted_by_class_when_it_is_told(code: str, capsys: Lines) -> None:
    warn_of_vendor(code, attempt())

    assert figures(capsys) == {VENDOR_ERRORS[code]: (1.0, {"vendor": "kling"})}


def test_our_own_storage_is_no_vendor_when_it_fails(capsys: Lines) -> None:
    warn_of_vendor("storage_unavailable", attempt())

    assert not figures(capsys)


# ---------------------------------------------------------------- logs


def test_only_allowed_fields_leave_when_others_are_bound(log: Any) -> None:
    bind(job_id="job_1", prompt=SECRET, run=2)

    line = log("hello")

    assert (line["job_id"], line["run"]) == ("job_1", 2)
    assert SECRET not in json.dumps(line)
    bind()
    assert "job_id" not in log("hello")


def test_only_allowed_fields_leave_when_others_come_with_the_message(log: Any) -> None:
    line = log("vendor", code="provider_error", vendor="kling", url=SECRET, reply={"a": SECRET})

    assert line["code"] == "provider_error"
    assert SECRET not in json.dumps(line)
    assert line.keys() <= observability.FIELDS | {
        "level",
        "location",
        "message",
        "timestamp",
        "service",
    }


def test_an_exceptions_text_stays_inside_when_it_is_logged(log: Any) -> None:
    try:
        raise ValueError(f"cannot parse {SECRET}")
    except ValueError as exc:
        line = log("failed", exc_info=(type(exc), exc, exc.__traceback__))

    assert line["exception_name"] == "ValueError"
    assert line["stack_trace"]["frames"]
    assert SECRET not in json.dumps({**line, "stack_trace": None})
    assert "value" not in line["stack_trace"]
