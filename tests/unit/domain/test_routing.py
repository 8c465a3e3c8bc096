"""Where a job goes next, for every ledger state that there can be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dailies.domain.attempts import (
    AMBIGUOUS,
    ENDED_WITHOUT_RESULT,
    HAS_HANDLE,
    Attempt,
    AttemptFailure,
    AttemptState,
    Charge,
)
from dailies.domain.jobs import TERMINAL_STATES, Charged, Job, JobState
from dailies.domain.ports import Snapshot
from dailies.domain.routing import charged, next_outcome, next_route
from dailies.domain.steps import Outcome
from tests.unit.services.ledger_states import RUN, a_job, an_attempt, snapshot

attempts = st.builds(
    an_attempt,
    state=st.sampled_from(AttemptState),
    route=st.integers(0, 1),
    failure=st.none()
    | st.builds(
        AttemptFailure, code=st.just("x"), message=st.just("x"), may_fail_over=st.booleans()
    ),
    charge=st.none() | st.builds(Charge, amount_usd=st.just(Decimal(1)), basis=st.just("vendor")),
    asset_id=st.none() | st.just("ast_1"),
)
jobs = st.builds(a_job, state=st.sampled_from(JobState))
snapshots = st.builds(snapshot, jobs, st.none() | attempts)


def outcome(job_state: JobState, attempt: Attempt | None, **job: object) -> Outcome:
    return next_outcome(snapshot(a_job(state=job_state, **job), attempt), RUN)


@given(snapshots)
def test_nothing_is_done_when_another_run_owns_the_job(seen: Snapshot) -> None:
    assert next_outcome(seen, RUN + 1) is Outcome.SUPERSEDED


@given(snapshots)
def test_nothing_is_submitted_when_the_job_is_not_running(seen: Snapshot) -> None:
    went = next_outcome(seen, RUN)
    if went is Outcome.SUBMIT:
        assert seen.job.state in {JobState.QUEUED, JobState.RUNNING}
        assert seen.current is not None
        assert seen.current.state is AttemptState.RESERVED


@given(snapshots)
def test_next_attempt_is_due_only_after_a_proven_failure(seen: Snapshot) -> None:
    if next_outcome(seen, RUN) is Outcome.PLAN and seen.current is not None:
        assert seen.current.state in ENDED_WITHOUT_RESULT
        assert seen.current.failure is not None
        assert seen.current.failure.may_fail_over


@given(snapshots)
def test_job_ends_only_when_nothing_can_come_any_more(seen: Snapshot) -> None:
    if next_outcome(seen, RUN) is Outcome.END:
        assert not seen.job.terminal
        assert seen.current is None or seen.current.state in {
            *ENDED_WITHOUT_RESULT,
            AttemptState.RESERVED,
        }


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        (AMBIGUOUS, Outcome.RESOLVE),
        (HAS_HANDLE, Outcome.POLL),
        ({AttemptState.FETCHING}, Outcome.STORE),
        ({AttemptState.STORED}, Outcome.PROBE),
    ],
)
def test_what_may_bring_a_result_is_followed_whatever_became_of_the_job(
    state: JobState, states: set[AttemptState], wanted: Outcome
) -> None:
    for attempt_state in states:
        assert outcome(state, an_attempt(state=attempt_state)) is wanted


@pytest.mark.parametrize("state", sorted(TERMINAL_STATES))
def test_job_that_has_ended_is_done_when_nothing_is_open(state: JobState) -> None:
    assert outcome(state, None) is Outcome.DONE
    assert outcome(state, an_attempt(state=AttemptState.FAILED)) is Outcome.DONE


def test_new_job_is_planned_and_a_canceled_one_ends() -> None:
    assert outcome(JobState.QUEUED, None) is Outcome.PLAN
    assert outcome(JobState.CANCELING, None) is Outcome.END
    reserved = an_attempt(state=AttemptState.RESERVED)
    assert outcome(JobState.RUNNING, reserved) is Outcome.SUBMIT
    assert outcome(JobState.CANCELING, reserved) is Outcome.END


def test_settled_result_is_told_once() -> None:
    charge = Charge(amount_usd=Decimal(1), basis="vendor")
    stored = an_attempt(state=AttemptState.STORED, charge=charge, asset_id="ast_1")
    assert outcome(JobState.RUNNING, stored) is Outcome.NOTIFY
    assert outcome(JobState.EXPIRED, stored) is Outcome.NOTIFY
    assert outcome(JobState.EXPIRED, stored, assets=["ast_1"]) is Outcome.DONE


def test_next_route_is_the_one_after_when_the_failure_allows_it() -> None:
    allowed = AttemptFailure(code="x", message="x", may_fail_over=True)
    refused = AttemptFailure(code="x", message="x")
    job: Job = a_job()
    assert next_route(job, an_attempt(failure=None)) is None
    assert next_route(job, an_attempt(failure=refused)) is None
    assert next_route(job, an_attempt(failure=allowed)) == 1
    assert next_route(job, an_attempt(failure=allowed, route=1)) is None


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ([], Charged.NO),
        ([AttemptState.RESERVED], Charged.NO),
        ([AttemptState.FAILED, AttemptState.REJECTED], Charged.NO),
        ([AttemptState.SUBMITTING], Charged.UNKNOWN),
        ([AttemptState.FAILED, AttemptState.UNKNOWN], Charged.UNKNOWN),
        ([AttemptState.GENERATING], Charged.UNKNOWN),
        ([AttemptState.FETCHING], Charged.YES),
        ([AttemptState.FAILED, AttemptState.STORED], Charged.YES),
    ],
)
def test_charge_is_what_the_attempts_prove(states: list[AttemptState], wanted: Charged) -> None:
    assert charged(tuple(an_attempt(state=state) for state in states)) is wanted


def test_failure_that_the_vendor_billed_is_charged() -> None:
    billed = Charge(amount_usd=Decimal("0.1"), basis="vendor")
    free = Charge(amount_usd=Decimal(0), basis="vendor")
    assert charged((an_attempt(state=AttemptState.FAILED, charge=billed),)) is Charged.YES
    assert charged((an_attempt(state=AttemptState.FAILED, charge=free),)) is Charged.NO
