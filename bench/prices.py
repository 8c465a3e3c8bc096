"""What AWS charges for the things that a job uses: read from `prices.json`, in US dollars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("prices.json")


@cache
def usd() -> Mapping[str, float]:
    """Return the price of one unit by its name."""
    return json.loads(_FILE.read_text("utf-8"))["usd"]


def lambda_usd(seconds: float, memory_mb: int, requests: int = 1) -> float:
    """Return the price of invocations that took `seconds` altogether."""
    prices = usd()
    return prices["lambda_gb_s"] * seconds * memory_mb / 1024 + prices["lambda_request"] * requests
