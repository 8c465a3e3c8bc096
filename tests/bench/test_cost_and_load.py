"""What a job costs, how fast creates are, and the arithmetic of quotas."""

from __future__ import annotations

import pytest

from bench import load
from bench.creates import CPU_GOAL_MS, measure, throttled_burst
from bench.job_cost import WAYS, bill_of, figures
from bench.prices import lambda_usd
from bench.waiting import quiet


@pytest.mark.parametrize("way", WAYS)
def test_figures_of_a_job_are_those_that_the_quota_arithmetic_uses(way: str) -> None:
    with quiet():
        found = figures(bill_of(WAYS[way]))
    used = load.quotas()["job"][way]

    assert found["transitions"] == used["transitions"]
    assert found["aws_calls"]["states:StartExecution"] == used["starts"]
    assert found["aws_calls"].get("states:SendTaskSuccess", 0) == used["wakes"]
    assert found["aws_calls"]["events:PutEvents"] == used["events"]
    for name, measured in (
        ("write_units", found["write_units"]),
        ("read_units", found["read_units"]),
        ("lambda_s", found["lambda_ms_total"] / 1000),
    ):
        assert 0.8 * used[name] <= measured <= used[name], name
    assert found["usd_per_1000_total"] < 1.5


def test_creates_take_little_cpu_and_reads_less() -> None:
    found = measure(0.5, 1)
    assert found["cpu_ms_per_create"] <= CPU_GOAL_MS
    assert found["cpu_ms_per_read"] <= CPU_GOAL_MS


def test_burst_gets_its_answers_when_its_starts_are_throttled() -> None:
    assert throttled_burst(3) == 3


def test_quota_with_the_largest_part_binds_first() -> None:
    heaviest = load.quotas()["loads"][-1]
    name, part = load.binding(heaviest, "callback", "small")

    assert name == "state transitions"
    assert part == pytest.approx(100_000 / 3600 * 20 / 800)


def test_half_of_lambdas_price_follows_when_half_of_the_memory_is_used() -> None:
    assert lambda_usd(2, 128, 0) == pytest.approx(lambda_usd(1, 256, 0))
