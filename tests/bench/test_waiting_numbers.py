"""The waiting bench, small: it measures what it says, and the promises hold."""

from __future__ import annotations

import pytest

from bench.durations import NAMES, SLOWS, durations_s
from bench.wait_policies import EXPONENTIAL, POLICIES
from bench.waiting import cell, measure, missed


def test_durations_are_the_same_for_everybody_when_the_seed_is() -> None:
    assert durations_s(NAMES[0], 50, 3) == durations_s(NAMES[0], 50, 3)
    assert durations_s(NAMES[0], 50, 3) != durations_s(NAMES[0], 50, 4)


def test_vendor_is_three_times_slower_when_it_slows_midway() -> None:
    drawn = durations_s(SLOWS, 400, 1)
    assert 2.5 < (sum(drawn[200:]) / sum(drawn[:200])) < 3.5


@pytest.mark.parametrize("distribution", NAMES)
def test_callback_asks_once_and_costs_least_when_it_comes(distribution: str) -> None:
    called = cell(distribution, "callback", 12, 1)
    other = cell(distribution, EXPONENTIAL, 12, 1)

    assert called["delay_mean_s"] <= 1.0
    assert called["transitions"] < other["transitions"]
    assert called["usd_per_1000"] < other["usd_per_1000"]


def test_holding_poll_keeps_its_promise_when_q02_is_learned() -> None:
    held = cell("LogN(85, 0.35)", "holding poll, learned q02", 60, 2)
    unlearned = cell("LogN(85, 0.35)", "holding poll", 60, 2)

    assert held["delay_mean_s"] <= 1.5
    assert held["lambda_ms"] < unlearned["lambda_ms"]


def test_missed_promise_is_named() -> None:
    row = {"delay_mean_s": 0.5}
    found = {"U(40,180)": dict.fromkeys(POLICIES, row) | {"plain waits": {"delay_mean_s": 5.1}}}
    assert missed(found) == ["plain waits, U(40,180): 5.1 s instead of 5.0 s"]


def test_ratios_are_against_the_exponential_schedule() -> None:
    for rows in measure(3, 5, 1).values():
        assert rows[EXPONENTIAL]["faster"] == 1.0
        assert rows[EXPONENTIAL]["usd_ratio"] == 1.0
        assert rows["callback"]["faster"] > 5
