"""Which end a job gets, when, and what is told of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from dailies.domain.attempts import Attempt, AttemptFailure, AttemptState, Charge
from dailies.domain.catalogue import load_catalogue
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, JobState
from dailies.domain.steps import FailureInput
from dailies.services.end_job import awaits_result, end_job, final_state
from dailies.services.fail import fail
from dailies.services.recording import LedgerPorts, load
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.time import EPOCH, ManualClock
from tests.unit.services.ledger_states import (
    JOB_ID,
    RUN,
    a_job,
    an_attempt,
    snapshot,
    written,
)

EARLY, LATE = EPOCH + dt.timedelta(hours=1), EPOCH + dt.timedelta(hours=2)
PRICE = Charge(amount_usd=Decimal("0.42"), basis="catalogue")
NO_OTHER = AttemptFailure(code="blocked", message="Moderation.", reasons=["people"])
OTHER = AttemptFailure(code="vendor_failed", message="It failed.", may_fail_over=True)


def in_state(state: str) -> Attempt | None:
    if state == "none":
        return None
    if state == "settled":
        return an_attempt(state=AttemptState.STORED, charge=PRICE, asset_id="ast_1")
    if state == "may go on":
        return an_attempt(state=AttemptState.FAILED, failure=OTHER)
    if state == "failed":
        return an_attempt(state=AttemptState.FAILED, failure=NO_OTHER)
    return an_attempt(state=AttemptState(state))


@pytest.mark.parametrize(
    ("attempt", "early", "late", "canceling"),
    [
        ("none", None, "expired", "canceled"),
        ("reserved", None, "expired", "canceled"),
        ("submitting", None, "expired", None),
        ("unknown", None, "expired", None),
        ("submitted", None, "expired", None),
        ("generating", None, "expired", None),
        ("fetching", None, "expired", None),
        ("stored", None, "expired", None),
        ("settled", "succeeded", "succeeded", "canceled"),
        ("failed", "failed", "failed", "canceled"),
        ("may go on", None, "failed", "canceled"),
    ],
)
def test_end_follows_from_the_attempt_and_the_deadline(
    attempt: str, early: str | None, late: str | None, canceling: str | None
) -> None:
    running = snapshot(a_job(), in_state(attempt))
    leaving = snapshot(a_job(state=JobState.CANCELING), in_state(attempt))

    assert final_state(running, EARLY) == early
    assert final_state(running, LATE) == late
    assert final_state(leaving, EARLY) == canceling
    assert final_state(leaving, LATE) == "canceled"


def test_only_what_may_bring_a_result_is_awaited() -> None:
    awaited = {state for state in AttemptState if awaits_result(an_attempt(state=state))}
    assert awaited == {
        *("submitting", "unknown", "submitted", "generating", "fetching", "stored"),
    }
    assert not awaits_result(an_attempt(state=AttemptState.STORED, charge=PRICE))


def ports(ledger: InMemoryLedger, now: dt.datetime) -> LedgerPorts:
    return LedgerPorts(ledger, ManualClock(now), load_catalogue())


def ended(attempt: Attempt | None, now: dt.datetime, **job: Any) -> InMemoryLedger:
    ledger = written(a_job(**job), attempt)
    end_job(load(ledger, JOB_ID), RUN, ports(ledger, now))
    return ledger


def test_success_is_told_with_its_asset_and_cost() -> None:
    ledger = ended(in_state("settled"), EARLY)

    job = ledger.job(JOB_ID)
    assert job is not None
    assert (job.state, job.assets, job.cost_usd, job.charged, job.due_at, job.error) == (
        JobState.SUCCEEDED,
        ["ast_1"],
        Decimal("0.42"),
        Charged.YES,
        None,
        None,
    )
    told = ledger.events(JOB_ID)[-1]
    assert told.type is EventType.JOB_SUCCEEDED
    assert told.data == {"charged": "yes", "assets": ["ast_1"], "code": "", "attempt": 1}


def test_reserved_attempt_is_closed_unpaid_when_the_job_ends() -> None:
    ledger = ended(in_state("reserved"), LATE)

    (attempt,) = load(ledger, JOB_ID).attempts
    assert (attempt.state, attempt.failure and attempt.failure.code) == (
        AttemptState.ABANDONED,
        "not_sent",
    )
    assert EventType.JOB_PARKED not in [e.type for e in ledger.events(JOB_ID)]


@pytest.mark.parametrize("job_state", [JobState.RUNNING, JobState.CANCELING])
def test_operator_is_alarmed_when_money_may_have_been_spent(job_state: JobState) -> None:
    ledger = ended(in_state("unknown"), LATE, state=job_state)

    job = ledger.job(JOB_ID)
    assert job is not None
    assert (job.charged, job.due_at) == (Charged.UNKNOWN, LATE + dt.timedelta(seconds=1800))
    parked = ledger.events(JOB_ID)[-1]
    assert (parked.type, parked.data["reason"]) == (EventType.JOB_PARKED, "charge_unknown")


def test_failure_gives_the_vendors_reasons() -> None:
    job = ended(in_state("failed"), EARLY).job(JOB_ID)

    assert job is not None
    assert job.error is not None
    assert (job.error.code, job.error.reasons) == ("blocked", ["people"])


def test_failure_without_a_reason_is_ours() -> None:
    job = ended(an_attempt(state=AttemptState.FAILED), EARLY).job(JOB_ID)

    assert job is not None
    assert job.error is not None
    assert job.error.code == "internal"


def test_nothing_is_written_when_the_job_may_still_get_its_result() -> None:
    assert len(ended(in_state("generating"), EARLY).events(JOB_ID)) == 1


def test_late_asset_is_attached_once() -> None:
    job = a_job(state=JobState.EXPIRED, due_at=LATE)
    ledger = written(job, in_state("settled"))
    for _ in range(2):
        end_job(load(ledger, JOB_ID), RUN, ports(ledger, LATE))

    attached = ledger.job(JOB_ID)
    assert attached is not None
    assert (attached.state, attached.assets, attached.due_at) == ("expired", ["ast_1"], None)
    types = [event.type for event in ledger.events(JOB_ID)]
    assert types == [EventType.JOB_QUEUED, EventType.JOB_LATE_ASSET]


def test_nothing_is_attached_when_the_late_attempt_has_no_result() -> None:
    assert len(ended(in_state("failed"), LATE, state=JobState.EXPIRED).events(JOB_ID)) == 1


# ------------------------------------------------------------ the failure path


def failure(
    ledger: InMemoryLedger, now: dt.datetime, run: int = RUN, **step: str
) -> tuple[str, str]:
    result = fail(FailureInput(job_id=JOB_ID, run=run, **step), ports(ledger, now))
    return result.error, result.cause


@pytest.mark.parametrize(
    ("attempt", "job_state", "error"),
    [
        ("failed", JobState.RUNNING, "JobFailed"),
        ("reserved", JobState.RUNNING, "JobExpired"),
        ("reserved", JobState.CANCELING, "JobCanceled"),
    ],
)
def test_run_ends_under_the_jobs_own_end(attempt: str, job_state: JobState, error: str) -> None:
    ledger = written(a_job(state=job_state), in_state(attempt))
    assert failure(ledger, LATE)[0] == error


def test_only_the_run_ends_when_a_crash_proves_nothing() -> None:
    ledger = written(a_job(), in_state("generating"))

    said = failure(ledger, EARLY, step="Poll", error="Permanent")

    assert said == ("RunFailed", "Poll ended with Permanent.")
    assert failure(ledger, EARLY) == ("RunFailed", "A step ended with no result.")
    assert len(ledger.events(JOB_ID)) == 1


def test_job_that_ended_well_stays_so_when_a_later_step_fails() -> None:
    ledger = written(a_job(state=JobState.SUCCEEDED, assets=["ast_1"]), in_state("settled"))
    assert failure(ledger, EARLY)[0] == "RunFailed"
    assert len(ledger.events(JOB_ID)) == 1


def test_failure_path_touches_nothing_when_another_run_owns_the_job() -> None:
    ledger = written(a_job(), in_state("failed"))
    assert failure(ledger, EARLY, run=2)[0] == "RunSuperseded"
    assert len(ledger.events(JOB_ID)) == 1
