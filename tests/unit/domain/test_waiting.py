"""The numbers of the wait loop."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dailies.domain import waiting
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import CallbackKind, Latency, load_catalogue
from dailies.domain.jobs import Job, JobRequest

NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
LATENCY = Latency(q02=30, p50=85, p95=250)
KLING, GOOGLE = (load_catalogue().vendor(name) for name in ("kling", "google"))

positive = st.floats(min_value=0.5, max_value=3600)
latencies = st.lists(positive, min_size=3, max_size=3).map(
    lambda drawn: Latency(**dict(zip(("q02", "p50", "p95"), sorted(drawn), strict=True)))
)


def attempt(**fields: object) -> Attempt:
    values: dict[str, object] = {
        "job_id": "job_x",
        "number": 1,
        "attempt_id": "att_x_01",
        "vendor": "kling",
        "model": "kling-3.0",
        "created_at": NOW,
    }
    return Attempt.model_validate(values | fields)


def job(deadline_s: float) -> Job:
    return Job.model_validate(
        {
            "job_id": "job_x",
            "tenant": "acme",
            "stage_at": NOW,
            "request": JobRequest(kind="text_to_video", model="kling/kling-3.0"),
            "routes": ["kling/kling-3.0"],
            "estimate_usd": "0.42",
            "created_at": NOW,
            "updated_at": NOW,
            "deadline_at": NOW + dt.timedelta(seconds=deadline_s),
        }
    )


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("kind", "reachable", "relied_on"),
    [
        (CallbackKind.SIGNED, True, True),
        (CallbackKind.UNSIGNED, True, True),
        (CallbackKind.SIGNED, False, False),
        (CallbackKind.NONE, True, False),
    ],
)
def test_callbacks_are_relied_on_where_the_vendor_calls_and_can_reach_us(
    kind: CallbackKind, reachable: bool, relied_on: bool
) -> None:
    vendor = KLING.model_copy(update={"callbacks": kind})
    assert waiting.calls_back(vendor, reachable=reachable) is relied_on


def test_first_wait_is_the_backstop_when_the_vendor_calls_back() -> None:
    assert waiting.first_wait_s(LATENCY, by_callback=True) == 375
    short = Latency(q02=5, p50=10, p95=20)
    assert waiting.first_wait_s(short, by_callback=True) == 60


def test_first_wait_is_the_learned_quantile_when_there_is_one() -> None:
    assert waiting.first_wait_s(LATENCY, by_callback=False) == 30
    assert waiting.first_wait_s(LATENCY, by_callback=False, learned_q02_s=41.5) == 42
    assert waiting.first_wait_s(LATENCY, by_callback=False, learned_q02_s=500) == 68


@given(latencies, st.none() | positive)
def test_first_wait_ends_before_most_tasks_do(latency: Latency, learned_s: float | None) -> None:
    wait_s = waiting.first_wait_s(latency, by_callback=False, learned_q02_s=learned_s)
    assert 1 <= wait_s <= max(5, 0.8 * latency.p50) + 1


def test_poll_holds_until_twice_the_usual_longest_time() -> None:
    assert waiting.holds(LATENCY, 500, by_callback=False)
    assert not waiting.holds(LATENCY, 501, by_callback=False)
    assert not waiting.holds(LATENCY, 10, by_callback=True)


def test_wait_for_a_callback_lasts_to_its_backstop() -> None:
    assert waiting.next_wait_s(LATENCY, 100, by_callback=True) == 275
    assert waiting.next_wait_s(LATENCY, 374.5, by_callback=True) == 1
    assert waiting.next_wait_s(LATENCY, 375, by_callback=True) == 8


def test_plain_waits_grow_from_8_to_30_seconds() -> None:
    waits = [waiting.next_wait_s(LATENCY, s, by_callback=False) for s in range(500, 2000, 50)]
    assert (waits[0], waits[5], waits[-1]) == (8, 8, 30)
    assert waits == sorted(waits)


@given(latencies, st.floats(min_value=0, max_value=90_000), st.booleans())
def test_every_wait_is_at_least_a_second(latency: Latency, age_s: float, by_callback: bool) -> None:
    wait_s = waiting.next_wait_s(latency, age_s, by_callback=by_callback)
    assert 1 <= wait_s <= max(30, waiting.backstop_s(latency) + 1)


def test_vendor_in_trouble_is_left_alone_for_as_long_as_it_asks() -> None:
    assert waiting.troubled_wait_s(LATENCY, 10, pause_s=4) == 8
    assert waiting.troubled_wait_s(LATENCY, 10, pause_s=119.2) == 120


def test_look_ups_get_rarer_when_nothing_is_found() -> None:
    submitted = attempt(submitting_at=NOW)
    waits = [waiting.resolve_wait_s(submitted, after(s)) for s in (0, 10, 100, 300, 6000)]
    assert waits == [5, 5, 20, 60, 120]
    assert waiting.resolve_wait_s(attempt(), NOW) == 5


def test_vendors_own_word_goes_first_when_it_throttles() -> None:
    tried = attempt(submits=1)
    assert waiting.throttle_wait_s(tried, 0.2) == 1
    assert waiting.throttle_wait_s(tried, 300) == 300
    assert waiting.throttle_wait_s(tried, 90_000) == 3600
    waits = [waiting.throttle_wait_s(attempt(submits=n), None) for n in (1, 2, 3, 5, 50)]
    assert waits == [10, 20, 40, 120, 120]


def test_absence_is_believed_after_function_timeout_and_acceptance_time() -> None:
    assert waiting.decidable_at(attempt(submitting_at=NOW), KLING) == after(90 + 60)
    assert waiting.decidable_at(attempt(), GOOGLE) == after(90 + 120)


@given(st.integers(1, 4000), st.floats(min_value=-100, max_value=5000))
def test_wait_ends_with_the_deadline(wait_s: int, left_s: float) -> None:
    cut = waiting.until_deadline_s(job(left_s), NOW, wait_s)
    assert 1 <= cut <= wait_s
    assert cut == 1 or cut <= left_s + 1


def test_sweeper_misses_a_sign_of_life_three_minutes_after_it_was_due() -> None:
    assert waiting.sweep_at(NOW) == after(180)
    assert waiting.sweep_at(NOW, 375) == after(555)


def test_late_looks_get_rarer_and_end_with_the_vendors_retention() -> None:
    submitted = attempt(submitting_at=NOW)
    assert waiting.late_look_at(submitted, KLING, after(900)) == after(900 + 600)
    assert waiting.late_look_at(submitted, KLING, after(40_000)) == after(50_000)
    assert waiting.late_look_at(submitted, KLING, after(10 * 86_400)) == after(885_600)
    assert waiting.late_look_at(submitted, KLING, after(KLING.retention_s + 1)) is None
    assert waiting.late_look_at(attempt(), KLING, NOW) == after(600)


def test_pauses_for_a_file_to_be_mended_grow_to_five_minutes_in_all() -> None:
    pauses = [waiting.refetch_pause_s(fetches) for fetches in range(1, 10)]
    assert pauses[0] == 2
    assert pauses == sorted(pauses)
    assert sum(pauses) >= 300
