"""Detection delay and cost of waiting: our ways against two common ones, over the same durations.

The real definition and handlers run on a virtual clock; only the vendor is in memory. What a
network costs is put in by hand (`Delays`). `python -m bench.waiting [--jobs 300] [--seed 1]` prints
a table and one line of JSON; exit status 1 where a promise is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

from bench.durations import NAMES, durations_s
from bench.prices import lambda_usd, usd
from bench.wait_policies import EXPONENTIAL, POLICIES, Asked, Policy
from dailies.adapters.dynamodb_latency import BUCKETS, ENOUGH_SAMPLES, bucket_of, quantile_s
from dailies.domain.changes import Change
from dailies.domain.jobs import Job
from dailies.domain.ports import Snapshot
from tests.fakes.vendor import FixedStats, Task
from tests.workflow.stage import Stage, two_vendors

MODEL = "kling/kling-3.0"
_SMALL_MB = 256
"""Memory of Poll and of the callback's function, as in `infra/`."""
_COLUMNS = ("delay_mean_s", "delay_p95_s", "polls", "transitions", "lambda_ms", "usd_per_1000")


@dataclass(frozen=True)
class Delays:
    """What the network and AWS take, which a virtual clock does not know of."""

    asking_s: float = 0.3
    """One question: the job's row and the vendor's answer."""
    next_state_s: float = 0.2
    """From one invocation's end, or a wake, to the next one's first question."""
    callback_s: float = 0.2
    """From the vendor's end to the wake: its POST, our function, SendTaskSuccess."""


DELAYS = Delays()


@dataclass
class Learned(FixedStats):
    """The LatencyStats port with the arithmetic of the one on DynamoDB."""

    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def q02(self, key: str) -> float | None:
        """Return the learned 2nd percentile, or None before there are enough samples."""
        return quantile_s(self.counts) if sum(self.counts) >= ENOUGH_SAMPLES else None

    def record(self, key: str, seconds: float) -> None:
        """Count one finished generation."""
        self.counts[bucket_of(seconds)] += 1


@dataclass
class Seen:
    """What one job's waiting came to."""

    delay_s: float
    polls: int
    transitions: int
    lambda_s: float
    invocations: int
    read_units: int
    write_units: int

    def usd(self, policy: Policy) -> float:
        """Return what AWS charges for it."""
        prices = usd()
        called = 3 if policy.calls_back else 0  # Kling tells of three changes of status
        return (
            prices["state_transition"] * self.transitions
            + lambda_usd(self.lambda_s + called * 0.1, _SMALL_MB, self.invocations + called)
            + prices["http_api_request"] * called
            + prices["dynamodb_read_unit"] * self.read_units
            + prices["dynamodb_write_unit"] * (self.write_units + 2 * called)
        )


@dataclass
class _Meter:
    """Puts delays and another schedule into a stage, and counts what its waiting costs."""

    stage: Stage
    policy: Policy
    learned_q02_s: float | None
    units: Counter[str] = field(default_factory=Counter)
    lambda_s: float = 0
    invocations: int = 0
    questions: int = 0
    submitted_at: float = 0

    def __post_init__(self) -> None:
        (self._vendor,) = [v for n, v in self.stage.vendors.items() if MODEL.startswith(n)]
        self._vendor.interrupt = self._asked
        for name, replacement in (("Submit", self._submit), ("Poll", self._poll)):
            self.stage.handlers[name] = partial(replacement, self.stage.handlers[name])
        ledger = self.stage.ledger
        ledger.job = self._counted(ledger.job, "read", 1)  # type: ignore[method-assign]
        ledger.snapshot = self._counted(ledger.snapshot, "read", 1)  # type: ignore[method-assign]
        apply = ledger.apply

        def counted(change: Change) -> None:
            rows = 1 + (change.attempt is not None) + len(change.events) + len(change.assets)
            self.units["write"] += 2 * 2 * rows  # rows of up to 2 KB, in a transaction
            apply(change)

        ledger.apply = counted  # type: ignore[method-assign]

    def _counted(self, call: Any, unit: str, each: int) -> Any:
        def counted(*args: Any, **named: Any) -> Job | Snapshot | None:
            self.units[unit] += each
            return call(*args, **named)

        return counted

    def _asked(self, phase: str, call: str) -> None:
        if (phase, call) == ("before", "poll"):
            self.stage.clock.sleep(DELAYS.asking_s)

    def _submit(self, invoke: Any, event: Mapping[str, Any]) -> Any:
        result = invoke(event)
        self.submitted_at = self.stage.clock.monotonic()
        self.units.clear()  # what comes before is not waiting
        return self._rescheduled(result)

    def _poll(self, invoke: Any, event: Mapping[str, Any]) -> Any:
        clock = self.stage.clock
        clock.sleep(DELAYS.next_state_s)
        begun = clock.monotonic()
        self.units["write"] += 2  # the token that Await wrote
        result = invoke(event)
        self.lambda_s += clock.monotonic() - begun
        self.invocations += 1
        self.questions = self._vendor.calls.count("poll")
        return self._rescheduled(result)

    def _rescheduled(self, result: Any) -> Any:
        schedule = self.policy.schedule
        if schedule is None or result["outcome"] != "await":
            return result
        latency = self.stage.catalogue.route(*MODEL.split("/"))[1].latency_s
        elapsed_s = self.stage.clock.monotonic() - self.submitted_at
        asked = Asked(latency, self.questions, elapsed_s, self.learned_q02_s)
        return result | {"wait_s": schedule(asked)}


def one_job(policy: Policy, duration_s: float, stats: FixedStats) -> Seen:
    """Run one job to its end, and return what waiting for its vendor came to."""
    # A schedule of somebody else's asks once each time, as Poll does where it relies on callbacks.
    stage = two_vendors(
        reachable=policy.calls_back or policy.schedule is not None, sweeping=False, stats=stats
    )
    vendor = stage.vendors[MODEL.partition("/")[0]]
    vendor.duration_s = duration_s
    vendor.on_created = partial(_called_back, stage, duration_s, policy)
    meter = _Meter(stage, policy, stats.q02("") if policy.learns else None)
    job_id = stage.create(model=MODEL, deadline_s=7200)
    stage.run()
    visited = stage.visited(job_id)
    (task,) = vendor.tasks.values()
    seen_at = next(
        event.at for event in stage.ledger.events(job_id) if event.data.get("stage") == "storing"
    )
    return Seen(
        delay_s=(seen_at - task.created_at).total_seconds() - duration_s,
        polls=meter.questions,
        transitions=visited.index("Store") - visited.index("AfterSubmit") - 1,
        lambda_s=meter.lambda_s,
        invocations=meter.invocations,
        read_units=meter.units["read"],
        write_units=meter.units["write"],
    )


def _called_back(stage: Stage, duration_s: float, policy: Policy, task: Task) -> None:
    if policy.calls_back:
        stage.clock.after(
            duration_s + DELAYS.callback_s, partial(stage.call_back, task.external_id)
        )


def cell(distribution: str, name: str, jobs: int, seed: int) -> dict[str, float]:
    """Return the figures of one policy over one distribution."""
    policy = POLICIES[name]
    stats = Learned() if policy.learns else FixedStats()
    with quiet():
        seen = [one_job(policy, s, stats) for s in durations_s(distribution, jobs, seed)]
    delays = sorted(one.delay_s for one in seen)
    return {
        "delay_mean_s": round(mean(delays), 2),
        "delay_p95_s": round(delays[math.ceil(0.95 * len(delays)) - 1], 2),
        "polls": round(mean(one.polls for one in seen), 1),
        "transitions": round(mean(one.transitions for one in seen), 1),
        "lambda_ms": round(1000 * mean(one.lambda_s for one in seen)),
        "usd_per_1000": round(1000 * mean(one.usd(policy) for one in seen), 3),
    }


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep metrics and log lines of the functions off the terminal."""
    logging.disable(logging.CRITICAL)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            with contextlib.redirect_stdout(nowhere):
                yield
    finally:
        logging.disable(logging.NOTSET)


def measure(jobs: int, seed: int, processes: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures by distribution and policy."""
    places = list(product(NAMES, POLICIES))
    tasks = [(distribution, policy, jobs, seed) for distribution, policy in places]
    if processes > 1:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            figures = pool.starmap(cell, tasks, chunksize=1)
    else:
        figures = [cell(*task) for task in tasks]
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in NAMES}
    for (distribution, policy), row in zip(places, figures, strict=True):
        found[distribution][policy] = row
    for rows in found.values():
        base = rows[EXPONENTIAL]
        for row in rows.values():
            row["faster"] = round(base["delay_mean_s"] / row["delay_mean_s"], 1)
            row["usd_ratio"] = round(row["usd_per_1000"] / base["usd_per_1000"], 2)
    return found


def missed(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Name the promises that were not kept."""
    return [
        f"{name}, {distribution}: {rows[name]['delay_mean_s']} s instead of {policy.promise_s} s"
        for distribution, rows in found.items()
        for name, policy in POLICIES.items()
        if policy.promise_s is not None and rows[name]["delay_mean_s"] > policy.promise_s
    ]


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the figures as a person reads them."""
    head = f"{'delay s':>8} {'p95 s':>7} {'polls':>6} {'states':>7} {'Lambda ms':>10} {'$/1000':>8}"
    lines: list[str] = []
    for distribution, rows in found.items():
        lines += ["", f"{distribution:<28}{head} {'faster':>7} {'cost':>6}"]
        for name, row in rows.items():
            mean_s, p95_s, polls, states, lambda_ms, dollars = (row[c] for c in _COLUMNS)
            lines.append(
                f"  {name:<26}{mean_s:8.2f} {p95_s:7.2f} {polls:6.1f} {states:7.1f}"
                f" {lambda_ms:10.0f} {dollars:8.3f} {row['faster']:6.1f}x {row['usd_ratio']:5.2f}x"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print table and JSON; 1 where a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.waiting", description=__doc__)
    parser.add_argument("--jobs", type=int, default=300, help="per distribution and policy (300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    found = measure(options.jobs, options.seed, options.processes)
    wrong = missed(found)
    print(f"Waiting: {options.jobs} jobs each, seed {options.seed}; against {EXPONENTIAL}")
    print(table(found) + "\n")
    print(json.dumps({"waiting": {"seed": options.seed, "figures": found, "missed": wrong}}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
