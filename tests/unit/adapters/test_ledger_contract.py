"""What every ledger does: the one on DynamoDB and the one in memory cannot drift apart."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from moto import mock_aws

from dailies.domain.attempts import AttemptState
from dailies.domain.changes import Change
from dailies.domain.deliveries import Delivery
from dailies.domain.errors import ConflictError, InvalidRequestError
from dailies.domain.events import EventType
from dailies.domain.jobs import Charged, Job, JobError, JobState, Progress, Stage
from dailies.domain.ports import Ledger
from tests.fakes.ledger import InMemoryLedger
from tests.unit.adapters.conftest import TABLE, client, create_table
from tests.unit.adapters.samples import (
    NOW,
    SECOND,
    a_creation,
    a_full_attempt,
    a_job,
    an_asset,
    an_attempt,
    draft,
    with_images,
)
from tests.unit.adapters.waits import WaitingLedger

MICROSECOND = dt.timedelta(microseconds=1)


@pytest.fixture(params=["dynamodb", "memory"])
def ledger(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        yield InMemoryLedger()
        return
    with mock_aws():
        dynamodb = client("dynamodb")
        create_table(dynamodb)
        yield WaitingLedger(TABLE, dynamodb)


def created(ledger: Ledger, at: dt.datetime = NOW, **fields: Any) -> Job:
    job = a_job(at, **fields)
    assert ledger.create(a_creation(job, key=job.job_id)) is None
    return job


def reserved(ledger: Ledger, **fields: Any) -> Job:
    """A running job with an attempt in state `reserved`."""
    job = created(ledger, **fields)
    change = (
        draft(job).set(state=JobState.RUNNING, attempt=1).write_attempt(an_attempt(job), was=None)
    )
    ledger.apply(change.event(EventType.ATTEMPT_RESERVED).change())
    return read(ledger, job)


def read(ledger: Ledger, job: Job) -> Job:
    found = ledger.job(job.job_id)
    assert found is not None
    return found


# ---------------------------------------------------------------- create


def test_create_keeps_every_field_when_the_key_is_new(ledger: Ledger) -> None:
    job = created(
        ledger,
        state=JobState.RUNNING,
        stage=Stage.STORING,
        progress=Progress(fraction=0.25, basis="measured"),
        attempt=2,
        run=3,
        auto_runs=1,
        finished_at=NOW,
        cancel_requested_at=NOW + SECOND,
        parked=True,
        charged=Charged.UNKNOWN,
        cost_usd=Decimal("1.05"),
        assets=["ast_1", "ast_2"],
        error=JobError(code="c", message="m", reasons=["r"]),
    )
    assert read(ledger, job) == job
    assert ledger.job(job.job_id, consistent=False) == job


def test_create_writes_the_first_event_when_the_key_is_new(ledger: Ledger) -> None:
    job = a_job()
    creation = a_creation(job)
    ledger.create(creation)
    assert ledger.events(job.job_id) == (creation.event,)


def test_create_returns_the_first_answer_and_writes_nothing_when_the_key_was_used(
    ledger: Ledger,
) -> None:
    first, second = a_job(), a_job()
    ledger.create(a_creation(first, answer='{"a": "ü"}'))
    replay = ledger.create(a_creation(second, body_sha256="cd" * 32, answer="other"))
    assert replay is not None
    assert (replay.job_id, replay.body_sha256) == (first.job_id, "ab" * 32)
    assert replay.answer == '{"a": "ü"}'
    assert ledger.job(second.job_id) is None
    assert ledger.events(second.job_id) == ()


def test_create_takes_the_key_for_new_when_another_tenant_used_it(ledger: Ledger) -> None:
    ledger.create(a_creation(a_job()))
    other = a_job(tenant="other")
    assert ledger.create(a_creation(other)) is None
    assert ledger.job(other.job_id) == other


@pytest.mark.parametrize(("later", "replayed"), [(24, True), (26, False)])
def test_create_forgets_a_key_when_a_day_has_passed(
    ledger: Ledger, later: int, replayed: bool
) -> None:
    ledger.create(a_creation(a_job()))
    again = a_job(NOW + dt.timedelta(hours=later))
    assert (ledger.create(a_creation(again)) is not None) is replayed


def test_earlier_answer_is_told_when_the_key_was_used(ledger: Ledger) -> None:
    job = a_job()
    creation = a_creation(job, answer='{"a": "ü"}')
    assert ledger.earlier(job.tenant, creation.idempotency_key, NOW) is None

    ledger.create(creation)

    replay = ledger.earlier(job.tenant, creation.idempotency_key, NOW)
    assert replay is not None
    assert (replay.job_id, replay.answer) == (job.job_id, '{"a": "ü"}')
    assert ledger.earlier("other", creation.idempotency_key, NOW) is None


@pytest.mark.parametrize(("later", "kept"), [(24, True), (26, False)])
def test_earlier_answer_is_forgotten_when_a_day_has_passed(
    ledger: Ledger, later: int, kept: bool
) -> None:
    creation = a_creation(a_job())
    ledger.create(creation)

    at = NOW + dt.timedelta(hours=later)
    assert (ledger.earlier(creation.job.tenant, creation.idempotency_key, at) is not None) is kept


def test_create_conflicts_when_the_job_exists(ledger: Ledger) -> None:
    job = created(ledger)
    with pytest.raises(ConflictError):
        ledger.create(a_creation(job, key="another"))


def test_create_succeeds_when_every_needed_asset_exists(ledger: Ledger) -> None:
    asset = an_asset()
    ledger.put_asset(asset)
    ids = (asset.asset_id, asset.asset_id)
    job = with_images(a_job(), *ids)
    assert ledger.create(a_creation(job, needs_assets=ids)) is None


@pytest.mark.parametrize("owner", ["nobody", "other"])
def test_create_names_the_field_when_an_asset_is_not_the_tenants(
    ledger: Ledger, owner: str
) -> None:
    mine, missing = an_asset(), an_asset("other")
    ledger.put_asset(mine)
    if owner == "other":
        ledger.put_asset(missing)
    ids = (mine.asset_id, missing.asset_id)
    job = with_images(a_job(), *ids)
    with pytest.raises(InvalidRequestError) as caught:
        ledger.create(a_creation(job, needs_assets=ids))
    assert [problem.pointer for problem in caught.value.problems] == ["/last_frame/asset_id"]
    assert ledger.job(job.job_id) is None
    # and the key is still free
    assert ledger.create(a_creation(a_job())) is None


def test_create_replays_when_an_asset_is_gone_by_now(ledger: Ledger) -> None:
    ledger.create(a_creation(a_job()))
    again = with_images(a_job(), an_asset().asset_id)
    assert ledger.create(a_creation(again, needs_assets=(an_asset().asset_id,))) is not None


# ---------------------------------------------------------------- apply


def test_apply_writes_job_attempt_events_and_assets_when_the_conditions_hold(
    ledger: Ledger,
) -> None:
    job = created(ledger)
    attempt, asset = a_full_attempt(job), an_asset()
    change = (
        draft(job)
        .set(state=JobState.RUNNING, stage=Stage.STORING, attempt=1, cost_usd=Decimal("0.35"))
        .write_attempt(attempt, was=None)
        .event(EventType.JOB_STARTED, attempt=1)
        .event(EventType.STAGE_ENTERED, stage="storing")
        .asset(asset)
        .change()
    )
    ledger.apply(change)
    snapshot = ledger.snapshot(job.job_id)
    assert snapshot is not None
    assert snapshot.job == change.after
    assert snapshot.attempts == (attempt,)
    assert ledger.events(job.job_id, after=1) == change.events
    assert ledger.asset(asset.asset_id) == asset


def test_apply_writes_only_what_it_changes_when_signals_and_tokens_came_between(
    ledger: WaitingLedger | InMemoryLedger,
) -> None:
    job = reserved(ledger)
    ledger.signal(job.job_id)
    ledger.put_token(job.job_id, run=1, seen=1, token="a-token")
    ledger.apply(draft(job).set(stage=Stage.GENERATING, signal_seq=77, token="no").change())
    after = read(ledger, job)
    assert (after.signal_seq, after.token, after.stage) == (1, "a-token", Stage.GENERATING)


def test_apply_keeps_a_concurrent_change_when_it_told_no_event_and_touched_other_fields(
    ledger: Ledger,
) -> None:
    job = created(ledger)
    ledger.apply(draft(job).set(cost_usd=Decimal("0.10")).change())
    ledger.apply(draft(job).set(parked=True).change())
    after = read(ledger, job)
    assert (after.cost_usd, after.parked) == (Decimal("0.10"), True)


def test_apply_clears_a_field_when_it_becomes_none(ledger: Ledger) -> None:
    job = created(ledger, error=JobError(code="c", message="m"))
    ledger.apply(draft(job).set(error=None, due_at=None).change())
    after = read(ledger, job)
    assert (after.error, after.due_at) == (None, None)


def test_apply_succeeds_when_nothing_but_the_attempt_changes(ledger: Ledger) -> None:
    job = reserved(ledger)
    attempt = an_attempt(job, state=AttemptState.SUBMITTING, submits=1)
    ledger.apply(
        draft(job, job.updated_at).write_attempt(attempt, was=AttemptState.RESERVED).change()
    )
    snapshot = ledger.snapshot(job.job_id)
    assert snapshot is not None
    assert snapshot.current == attempt


def test_apply_clears_an_attempts_fields_when_its_new_version_lacks_them(ledger: Ledger) -> None:
    job = created(ledger)
    ledger.apply(draft(job).write_attempt(a_full_attempt(job), was=None).change())
    bare = an_attempt(job, state=AttemptState.FAILED)
    ledger.apply(draft(job).write_attempt(bare, was=AttemptState.FETCHING).change())
    snapshot = ledger.snapshot(job.job_id)
    assert snapshot is not None
    assert snapshot.attempt(1) == bare


@pytest.mark.parametrize(
    "stale",
    [{"run": 2}, {"event_seq": 0}, {"event_seq": 2}, {"state": JobState.RUNNING}],
    ids=["run", "fewer events", "more events", "state"],
)
def test_apply_conflicts_and_writes_nothing_when_the_job_has_gone_on(
    ledger: Ledger, stale: dict[str, Any]
) -> None:
    job = created(ledger)
    asset = an_asset()
    change = (
        draft(job.model_copy(update=stale))
        .set(parked=True)
        .write_attempt(an_attempt(job), was=None)
        .event(EventType.JOB_PARKED)
        .asset(asset)
        .change()
    )
    with pytest.raises(ConflictError):
        ledger.apply(change)
    snapshot = ledger.snapshot(job.job_id)
    assert snapshot is not None
    assert (snapshot.job, snapshot.attempts) == (job, ())
    assert len(ledger.events(job.job_id)) == 1
    assert ledger.asset(asset.asset_id) is None


def test_apply_conflicts_when_there_is_no_such_job(ledger: Ledger) -> None:
    job = a_job()
    with pytest.raises(ConflictError):
        ledger.apply(draft(job).set(parked=True).change())
    assert ledger.job(job.job_id) is None


def test_apply_holds_when_the_job_is_in_any_of_the_given_states(ledger: Ledger) -> None:
    job = reserved(ledger)
    states = frozenset({JobState.CANCELING, JobState.RUNNING})
    stale = job.model_copy(update={"state": JobState.CANCELING})
    change = draft(stale)
    change.states = states
    ledger.apply(change.set(parked=True).change())
    after = read(ledger, job)
    assert (after.parked, after.state) == (True, JobState.RUNNING)


@pytest.mark.parametrize(
    ("existing", "was", "holds"),
    [
        (None, None, True),
        (None, AttemptState.RESERVED, False),
        (AttemptState.RESERVED, AttemptState.RESERVED, True),
        (AttemptState.SUBMITTING, AttemptState.RESERVED, False),
        (AttemptState.RESERVED, None, False),
    ],
)
def test_apply_guards_the_attempts_state_when_it_writes_one(
    ledger: Ledger, existing: AttemptState | None, was: AttemptState | None, holds: bool
) -> None:
    job = created(ledger)
    if existing is not None:
        ledger.apply(draft(job).write_attempt(an_attempt(job, state=existing), was=None).change())
    written = an_attempt(job, state=AttemptState.SUBMITTED)
    change = draft(job).write_attempt(written, was=was).set(parked=True).change()
    if holds:
        ledger.apply(change)
    else:
        with pytest.raises(ConflictError):
            ledger.apply(change)
    snapshot = ledger.snapshot(job.job_id)
    assert snapshot is not None
    assert snapshot.job.parked is holds
    found = None if snapshot.current is None else snapshot.current.state
    assert found == (AttemptState.SUBMITTED if holds else existing)


def test_apply_lets_one_through_when_two_write_the_next_event(ledger: Ledger) -> None:
    job = created(ledger)
    ledger.apply(draft(job).event(EventType.STAGE_ENTERED, by="first").change())
    with pytest.raises(ConflictError):
        ledger.apply(draft(job).event(EventType.STAGE_ENTERED, by="second").change())
    assert [event.data for event in ledger.events(job.job_id, after=1)] == [{"by": "first"}]


def test_apply_lets_one_through_when_two_open_the_next_run(ledger: Ledger) -> None:
    job = created(ledger)
    ledger.apply(draft(job).set(run=2).event(EventType.RUN_OPENED, run=2).change())
    with pytest.raises(ConflictError):
        ledger.apply(draft(job).set(run=2).event(EventType.RUN_OPENED, run=2).change())
    with pytest.raises(ConflictError):  # a step of the superseded run
        ledger.apply(draft(job).set(stage=Stage.STORING).change())
    assert read(ledger, job).run == 2


def test_apply_conflicts_when_an_event_of_that_number_exists(ledger: Ledger) -> None:
    job = created(ledger)
    first = draft(job).event(EventType.STAGE_ENTERED).change()
    clash = Change(before=job, after=job, states=frozenset({job.state}), events=first.events)
    ledger.apply(clash)  # leaves event_seq where it was
    with pytest.raises(ConflictError):
        ledger.apply(first)


# ---------------------------------------------------------------- reads


def test_snapshot_orders_attempts_and_leaves_the_log_out_when_there_are_many(
    ledger: Ledger,
) -> None:
    job = created(ledger)
    for number in (2, 11, 1, 10):
        ledger.apply(draft(job).write_attempt(an_attempt(job, number), was=None).change())
    snapshot = ledger.snapshot(job.job_id)
    assert snapshot is not None
    assert [attempt.number for attempt in snapshot.attempts] == [1, 2, 10, 11]


def test_reads_return_nothing_when_there_is_no_such_thing(ledger: Ledger) -> None:
    job = a_job()
    assert ledger.snapshot(job.job_id) is None
    assert ledger.job(job.job_id) is None
    assert ledger.asset("ast_1") is None
    assert ledger.events(job.job_id) == ()
    assert ledger.deliveries(job.job_id) == ()


def test_events_go_on_after_a_number_when_asked(ledger: Ledger) -> None:
    job = created(ledger)
    change = draft(job)
    for number in range(2, 13):
        change.event(EventType.STAGE_ENTERED, number=number)
    ledger.apply(change.change())
    assert [event.seq for event in ledger.events(job.job_id)] == list(range(1, 13))
    assert [event.seq for event in ledger.events(job.job_id, after=8, limit=3)] == [9, 10, 11]
    assert ledger.events(job.job_id, after=12) == ()
    assert ledger.events(job.job_id, after=10**9) == ()
    assert len(ledger.events(job.job_id, after=-5)) == 12


def test_asset_keeps_every_field_when_written_again(ledger: Ledger) -> None:
    asset = an_asset(max_bytes=10, job_id="job_1", attempt=2, poster_key="p", sha256="aa")
    ledger.put_asset(an_asset(asset_id=asset.asset_id))
    ledger.put_asset(asset)
    assert ledger.asset(asset.asset_id) == asset


def test_asset_loses_facts_when_written_again_without_them(ledger: Ledger) -> None:
    asset = an_asset()
    ledger.put_asset(asset)
    ledger.put_asset(asset.model_copy(update={"media": None}))
    found = ledger.asset(asset.asset_id)
    assert found is not None
    assert found.media is None


# ---------------------------------------------------------------- listing


def test_jobs_are_listed_newest_first_when_paged(ledger: Ledger) -> None:
    jobs = [created(ledger, NOW + n * SECOND) for n in range(5)]
    created(ledger, tenant="other")
    seen, cursor = [], None
    for size in (2, 2, 1):
        page = ledger.jobs("acme", limit=2, cursor=cursor)
        assert len(page.items) == size
        seen += page.items
        cursor = page.cursor
    assert cursor is None
    assert seen == list(reversed(jobs))


def test_jobs_have_no_cursor_when_the_page_is_exactly_full(ledger: Ledger) -> None:
    created(ledger)
    assert ledger.jobs("acme", limit=1).cursor is None
    assert ledger.jobs("nobody", limit=1) == ledger.jobs("nobody", limit=1, cursor=None)


def test_jobs_show_only_the_tenants_own_when_the_cursor_is_anothers(ledger: Ledger) -> None:
    mine = created(ledger, NOW)
    for n in range(1, 4):
        created(ledger, NOW + n * SECOND, tenant="other")
    foreign = ledger.jobs("other", limit=1).cursor
    assert foreign is not None
    assert ledger.jobs("acme", limit=5, cursor=foreign).items == (mine,)


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!", "é", "am9i", "MTpqb2JfLi4u", "Mjpqb2JfMDFK", "A" * 4000, "MTo\n"]
)
def test_jobs_refuse_a_cursor_when_it_is_not_ours(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(InvalidRequestError):
        ledger.jobs("acme", limit=5, cursor=cursor)


# ---------------------------------------------------------------- signals


@pytest.mark.parametrize(("run", "seen"), [(1, 0), (2, 1)], ids=["signal", "run"])
def test_wait_is_refused_when_a_signal_came_before_or_the_run_is_another(
    ledger: WaitingLedger | InMemoryLedger, run: int, seen: int
) -> None:
    job = reserved(ledger)
    ledger.signal(job.job_id)
    with pytest.raises(ConflictError):
        ledger.put_token(job.job_id, run=run, seen=seen, token="a-token")
    assert read(ledger, job).token is None


def test_signal_counts_and_returns_the_token_when_the_job_waits(
    ledger: WaitingLedger | InMemoryLedger,
) -> None:
    job = reserved(ledger)
    ledger.put_token(job.job_id, run=1, seen=0, token="a-token")
    signaled = ledger.signal(job.job_id)
    assert signaled is not None
    assert (signaled.signal_seq, signaled.token) == (1, "a-token")
    assert read(ledger, job) == signaled


def test_signal_counts_against_the_attempts_limit_when_it_names_one(
    ledger: WaitingLedger | InMemoryLedger,
) -> None:
    job = reserved(ledger)
    second = an_attempt(job, 2)
    ledger.apply(draft(job).write_attempt(second, was=None).change())
    ledger.put_token(job.job_id, run=1, seen=0, token="a-token")
    first = ledger.signal(job.job_id, 1, limit=2)
    assert first is not None
    assert (first.signal_seq, first.token) == (1, "a-token")
    assert ledger.signal(job.job_id, 1, limit=2) is not None
    assert ledger.signal(job.job_id, 1, limit=2) is None
    assert read(ledger, job).signal_seq == 2
    # other attempts and cancels have limits of their own, or none
    assert ledger.signal(job.job_id, 2, limit=2) is not None
    assert ledger.signal(job.job_id) is not None
    assert read(ledger, job).signal_seq == 4


def test_signal_remembers_its_count_when_the_attempt_is_written_between(ledger: Ledger) -> None:
    job = reserved(ledger)
    assert ledger.signal(job.job_id, 1, limit=1) is not None
    submitting = an_attempt(job, state=AttemptState.SUBMITTING)
    ledger.apply(draft(job).write_attempt(submitting, was=AttemptState.RESERVED).change())
    assert ledger.signal(job.job_id, 1, limit=1) is None


def test_signal_returns_none_when_there_is_no_such_job_or_attempt(ledger: Ledger) -> None:
    assert ledger.signal(a_job().job_id) is None
    assert ledger.signal(a_job().job_id, 1) is None
    job = created(ledger)
    assert ledger.signal(job.job_id, 1) is None
    assert read(ledger, job).signal_seq == 0


# ---------------------------------------------------------------- the index `due` and the outbox


def test_due_yields_jobs_past_their_time_oldest_first_when_asked(ledger: Ledger) -> None:
    jobs = [created(ledger, due_at=NOW + n * SECOND) for n in (3, 1, 4, 2, 9)]
    created(ledger, due_at=None)
    due = list(ledger.due(NOW + 4 * SECOND, limit=10))
    assert due == [jobs[1], jobs[3], jobs[0], jobs[2]]
    assert list(ledger.due(NOW + 4 * SECOND, limit=2)) == due[:2]
    assert list(ledger.due(NOW + SECOND - MICROSECOND, limit=10)) == []


def test_due_follows_the_job_when_its_time_moves(ledger: Ledger) -> None:
    job = created(ledger, due_at=NOW)
    later = draft(job).set(due_at=NOW + 60 * SECOND).change()
    ledger.apply(later)
    assert list(ledger.due(NOW, limit=9)) == []
    assert list(ledger.due(NOW + 60 * SECOND, limit=9)) == [later.after]
    ledger.apply(draft(later.after).set(due_at=None).change())
    assert list(ledger.due(NOW + 3600 * SECOND, limit=9)) == []


def test_due_shows_a_job_when_one_write_took_its_time_away_and_another_moved_it(
    ledger: Ledger,
) -> None:
    job = created(ledger, due_at=NOW)
    ledger.apply(draft(job).set(due_at=None).change())
    ledger.apply(draft(job).set(due_at=NOW + SECOND).change())
    assert [found.job_id for found in ledger.due(NOW + SECOND, limit=9)] == [job.job_id]


def test_due_shows_no_events_when_the_outbox_is_full(ledger: Ledger) -> None:
    job = created(ledger, due_at=None)
    ledger.apply(draft(job).event(EventType.JOB_STARTED).change())
    assert list(ledger.due(NOW + 60 * SECOND, limit=9)) == []


def test_unpublished_yields_only_published_types_when_they_are_old_enough(ledger: Ledger) -> None:
    job = created(ledger)
    change = (
        draft(job)
        .event(EventType.JOB_STARTED)
        .event(EventType.ATTEMPT_RESERVED)
        .event(EventType.JOB_SUCCEEDED)
        .change()
    )
    ledger.apply(change)
    started, _, succeeded = change.events
    after = NOW + SECOND + MICROSECOND
    found = sorted(ledger.unpublished(after, limit=9), key=lambda event: event.seq)
    assert found == [started, succeeded]
    assert list(ledger.unpublished(NOW + SECOND, limit=9)) == []
    assert len(list(ledger.unpublished(after, limit=1))) == 1


def test_unpublished_forgets_an_event_when_it_is_marked(ledger: Ledger) -> None:
    job = created(ledger)
    change = draft(job).event(EventType.JOB_STARTED).event(EventType.JOB_FAILED).change()
    ledger.apply(change)
    ledger.mark_published(change.events[0])
    ledger.mark_published(change.events[0])
    assert list(ledger.unpublished(NOW + 60 * SECOND, limit=9)) == [change.events[1]]
    assert ledger.events(job.job_id, after=1) == change.events


def test_mark_published_writes_nothing_when_there_is_no_such_event(ledger: Ledger) -> None:
    job = created(ledger)
    ledger.mark_published(draft(job).event(EventType.JOB_FAILED).change().events[0])
    assert len(ledger.events(job.job_id)) == 1


# ---------------------------------------------------------------- deliveries


def a_try(job: Job, event: str, sink: str, attempt: int, **fields: Any) -> Delivery:
    values = {"outcome": "http_error", "http_status": 500, "duration_ms": 12} | fields
    return Delivery(job_id=job.job_id, event_id=event, sink=sink, attempt=attempt, at=NOW, **values)


def test_deliveries_are_listed_by_event_sink_and_try_when_recorded(ledger: Ledger) -> None:
    job, other = created(ledger), created(ledger)
    tries = [
        a_try(job, "evt_1", "email-0011", 1, http_status=None),
        a_try(job, "evt_1", "webhook", 1),
        a_try(job, "evt_1", "webhook", 2),
        a_try(job, "evt_1", "webhook", 10),
        a_try(job, "evt_2", "sns", 1),
    ]
    for delivery in reversed(tries):
        ledger.record_delivery(delivery)
    assert ledger.deliveries(job.job_id) == tuple(tries)
    assert ledger.deliveries(other.job_id) == ()
    assert len(ledger.events(job.job_id)) == 1


def test_record_delivery_replaces_the_line_when_the_try_is_the_same(ledger: Ledger) -> None:
    job = created(ledger)
    ledger.record_delivery(a_try(job, "evt_1", "webhook", 1))
    delivered = a_try(job, "evt_1", "webhook", 1, outcome="delivered", http_status=None)
    ledger.record_delivery(delivered)
    assert ledger.deliveries(job.job_id) == (delivered,)


def test_begin_delivery_gives_a_try_to_one_only_when_two_ask(ledger: Ledger) -> None:
    job = created(ledger)
    first = a_try(job, "evt_1", "sns", 1, duration_ms=1)
    assert ledger.begin_delivery(first)
    assert not ledger.begin_delivery(a_try(job, "evt_1", "sns", 1, duration_ms=2))
    assert ledger.begin_delivery(a_try(job, "evt_1", "sns", 2))
    assert ledger.deliveries(job.job_id)[0] == first
