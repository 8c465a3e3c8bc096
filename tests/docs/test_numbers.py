"""The page of numbers: its arithmetic follows from one data file, and its commands exist."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "numbers.md").read_text("utf-8")


@pytest.mark.parametrize("table", [load.quotas_markdown, load.jobs_markdown, load.markdown])
def test_tables_follow_from_the_data_file(table: object) -> None:
    assert table() in PAGE, "Run: python -m bench.load"  # type: ignore[operator]


def test_what_is_said_of_a_burst_follows_from_the_data_file() -> None:
    small = load.burst()["small"]
    said = f"In a small one {small['started']} do, and {small['later']} are answered 202"
    assert said in PAGE.replace("\n  ", " ")
    assert load.burst()["big"]["later"] == 0


def test_what_is_said_of_plain_waits_follows_from_the_data_file() -> None:
    heaviest = load.quotas()["loads"][-1]
    asked = load.demand(heaviest, "plain waits")["state transitions"]
    assert 1.5 * 800 < asked <= 1600
    assert all(part < 1 for part in load.used(heaviest, "callback", "small").values())


def test_every_command_exists() -> None:
    modules = set(re.findall(r"python -m (bench\.\w+)", PAGE))
    assert len(modules) >= 6
    assert all(find_spec(module) for module in modules)
    targets = (ROOT / "Makefile").read_text("utf-8")
    assert all(f"\n{target}:" in targets for target in ("bench", "bench-reliability"))
