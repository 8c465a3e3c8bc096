"""The quota arithmetic: what a load asks of each default AWS quota, and which binds first.

Everything in it comes from `quotas.json`: the quotas with their source and date, and what one job
uses, rounded up from `python -m bench.job_cost`. `python -m bench.load` prints the tables of
`docs/numbers.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("quotas.json")
REGIONS = ("big", "small")


@cache
def quotas() -> Mapping[str, Any]:
    """Return the data file."""
    return json.loads(_FILE.read_text("utf-8"))


def demand(load: Mapping[str, Any], way: str) -> dict[str, float]:
    """Return what a load asks for, by quota: per second, but Lambda at once."""
    job, api = quotas()["job"][way], quotas()["api"]
    jobs = load.get("jobs_per_s", load.get("jobs_per_hour", 0) / 3600)
    reads = load["reads_per_s"]
    return {
        "HTTP API requests": reads + jobs * job["requests"],
        "StartExecution": jobs * job["starts"],
        "state transitions": jobs * job["transitions"],
        "SendTaskSuccess": jobs * job["wakes"],
        "EventBridge PutEvents": jobs * job["events"],
        "DynamoDB write units, one table": jobs * job["write_units"],
        "DynamoDB read units, one table": reads * api["read_units"] + jobs * job["read_units"],
        "S3 writes, one prefix": jobs * job["s3_writes"],
        "Lambda executions": reads * api["read_lambda_s"]
        + jobs * (api["create_lambda_s"] + job["lambda_s"]),
    }


def used(load: Mapping[str, Any], way: str, region: str) -> dict[str, float]:
    """Return which part of each quota a load takes; 1 is all of it."""
    limits = quotas()["per_s"] | quotas()["at_once"]
    return {name: value / limits[name][region] for name, value in demand(load, way).items()}


def binding(load: Mapping[str, Any], way: str, region: str) -> tuple[str, float]:
    """Return the quota that binds first, and which part of it is taken."""
    parts = used(load, way, region)
    first = max(parts, key=lambda name: parts[name])
    return first, parts[first]


def loads() -> list[dict[str, Any]]:
    """Return every load's row."""
    rows: list[dict[str, Any]] = []
    for load in quotas()["loads"]:
        for way in quotas()["job"]:
            row: dict[str, Any] = {"load": load["name"], "way": way}
            for region in REGIONS:
                name, part = binding(load, way, region)
                row[region] = {"quota": name, "percent": round(100 * part, 1)}
            rows.append(row)
    return rows


def markdown() -> str:
    """Return the rows as a table of `docs/numbers.md`."""
    lines = [
        "| Load | Vendor | Binds first in a big Region | Binds first in a small Region |",
        "|---|---|---|---|",
    ]
    for row in loads():
        cells = " | ".join(f"{row[r]['quota']}: {row[r]['percent']:g} %" for r in REGIONS)
        lines.append(f"| {row['load']} | {row['way']} | {cells} |")
    return "\n".join(lines)


def quotas_markdown() -> str:
    """Return the quotas as a table of `docs/numbers.md`."""
    lines = ["| Quota | Big Regions | Small Regions |", "|---|---|---|"]
    for kind, unit in (("per_s", "/s"), ("at_once", " at once"), ("burst", " in a burst")):
        for name, limits in quotas()[kind].items():
            cells = " | ".join(f"{limits[region]:,}{unit}" for region in REGIONS)
            lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def jobs_markdown() -> str:
    """Return what one job uses as a table of `docs/numbers.md`."""
    ways = quotas()["job"]
    names = list(next(iter(ways.values())))
    lines = [f"| One job | {' | '.join(ways)} |", "|---|" + "---|" * len(ways)]
    for name in names:
        cells = " | ".join(f"{ways[way][name]:g}" for way in ways)
        lines.append(f"| {name.replace('_', ' ')} | {cells} |")
    return "\n".join(lines)


def burst() -> dict[str, dict[str, float]]:
    """Return what becomes of 1,000 creates within one second: all answered, some started later."""
    found: dict[str, dict[str, float]] = {}
    for region in REGIONS:
        at_once = min(1000, quotas()["burst"]["StartExecution"][region])
        refill = quotas()["per_s"]["StartExecution"][region]
        found[region] = {"started": at_once, "later": 1000 - at_once, "refill_per_s": refill}
    return found


def table() -> str:
    """Return the rows as a person reads them on a terminal."""
    lines = ["Which default quota binds first (big Region / small Region):"]
    for row in loads():
        cells = " / ".join(f"{row[r]['quota']} {row[r]['percent']:g} %" for r in REGIONS)
        lines.append(f"  {row['load']}, {row['way']}: {cells}")
    return "\n".join(lines)


if __name__ == "__main__":
    print("\n\n".join([quotas_markdown(), jobs_markdown(), markdown()]))
