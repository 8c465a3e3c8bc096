"""Jobs through the real definitions, handlers and adapters, with faults in everything outside.

Every interaction fails with the given probability: calls to the vendors' simulators and their
callbacks, Lambda, Step Functions, the ledger, the bucket, the stream, the bus, the customer's
webhook. `python -m bench.reliability --jobs 1000 --faults 20 --seed 1` prints what was lost, stuck,
paid twice, unexplained, and the webhooks lost; exit status 1 unless all of it is zero. A job's
faults follow from the seed and its number alone: `--only 17` runs that one, and tells its story.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bench.faulty.audit import KINDS, audit
from bench.faulty.stage import FaultyStage, Yard
from bench.waiting import quiet
from dailies.domain.catalogue import Mode, load_catalogue
from tests.fakes.time import EPOCH

_HORIZON_S = 45 * 86_400
"""Longer than any vendor keeps a result: everything has come to rest by then."""
_DEADLINES_S = (900, 1800, 3600, 7200)
_CANCELED = 0.08
_ABORTED = 0.05
_FALLBACKS = 0.4
_ENHANCED = 0.4
_WEBHOOK = "https://hooks.example.com/dailies"


@dataclass
class Told:
    """What some jobs came to."""

    jobs: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    interactions: int = 0
    virtual_s: float = 0
    webhooks: int = 0
    dead_letters: int = 0
    runs: int = 0

    def add(self, other: Told) -> None:
        """Take another's figures in."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            else:
                setattr(self, name, mine + value)


@cache
def models() -> tuple[str, ...]:
    """Name every living model of the simulated vendors that makes a video of a prompt."""
    catalogue, today = load_catalogue(), EPOCH.date()
    return tuple(
        f"{vendor}/{model.id}"
        for vendor in ("google", "gemini", "kling")
        for model in catalogue.vendor(vendor).models
        if Mode.TEXT_TO_VIDEO in model.modes and not model.lifecycle.retired(today)
    )


def one_job(yard: Yard, seed: int, number: int, rate: float) -> tuple[FaultyStage, str]:
    """Run one job until nothing is left to do; return its stage and its id."""
    rng = random.Random(f"{seed}/{number}")  # noqa: S311
    stage = yard.stage(rng, rate)
    _unrest(stage, rng)
    model, *others = rng.sample(models(), 3)
    request: dict[str, Any] = {
        "model": model,
        "prompt": f"Scene {number}: a heron at dawn",
        "lenient": True,
        "deadline_s": rng.choice(_DEADLINES_S),
        "notify": {"webhook": {"url": _WEBHOOK}, "events": ["job.started", "job.progress"]},
    }
    if rng.random() < _FALLBACKS:
        request["fallbacks"] = others[: rng.randint(1, 2)]
    if rng.random() < _ENHANCED:
        request["enhance"] = {"on_failure": rng.choice(("deliver", "fail"))}
    job_id = stage.create(**request)
    if rng.random() < _CANCELED:
        stage.clock.after(rng.uniform(0, 400), lambda: stage.cancel(job_id))
    stage.run(until_s=_HORIZON_S)
    return stage, job_id


def _unrest(stage: FaultyStage, rng: random.Random) -> None:
    """Let an operator, or a fault of the engine, abort an execution of some jobs."""
    if rng.random() >= _ABORTED:
        return

    def abort() -> None:
        for name, walk in stage.walks.items():
            if not walk.ended and name.startswith("job_"):
                job_id, _, run = name.rpartition("-")
                stage.abort(job_id, int(run))
                return

    stage.clock.after(rng.uniform(1, 300), abort)


def tell(yard: Yard, seed: int, number: int, rate: float) -> Told:
    """Run one job, and return what it came to."""
    told = Told(jobs=1)
    with quiet():
        try:
            stage, job_id = one_job(yard, seed, number, rate)
        except AssertionError as exc:
            told.wrong["stuck"] += 1
            told.details.append(f"job {number}: stuck: {exc!r}")
            return told
        told.virtual_s = (stage.clock.now() - EPOCH).total_seconds()
        told.faults, told.interactions = stage.draws.struck, stage.draws.interactions
        findings = audit(stage, job_id)
    job = stage.job(job_id)
    late = " with a late asset" if job.assets and job.state.value != "succeeded" else ""
    told.ends[f"{job.state}, charged: {job.charged}{late}"] += 1
    told.wrong.update(finding.kind for finding in findings)
    told.details += [f"job {number}: {one.kind}: {one.what}" for one in findings]
    told.webhooks, told.dead_letters = len(stage.receiver.taken), len(stage.dead_letters)
    told.runs = job.run
    return told


def _share(seed: int, numbers: Sequence[int], rate: float) -> Told:
    told = Told()
    with closing(Yard()) as yard:
        for number in numbers:
            told.add(tell(yard, seed, number, rate))
    return told


def run(jobs: int, faults_percent: float, seed: int, processes: int) -> Told:
    """Run the jobs in processes, and return what they came to."""
    rate, told = faults_percent / 100, Told()
    if processes == 1:
        return _share(seed, range(jobs), rate)
    shares = [list(range(jobs))[n :: 4 * processes] for n in range(4 * processes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for part in pool.starmap(_share, [(seed, s, rate) for s in shares if s], chunksize=1):
            told.add(part)
    return told


def story(seed: int, number: int, rate: float) -> str:
    """Return the events of one job, and what is wrong with it."""
    with closing(Yard()) as yard, quiet():
        stage, job_id = one_job(yard, seed, number, rate)
        findings = audit(stage, job_id)
    lines = [
        f"{(event.at - EPOCH).total_seconds():12.1f} s  {event.type}  {dict(event.data)}"
        for event in stage.ledger.events(job_id, limit=100_000)
    ]
    lines += [f"attempt {a.number}: {a.model} {a.state}" for a in stage.snapshot(job_id).attempts]
    for walk in stage.walks.values():
        lines.append(f"{walk.name}: {walk.status} {walk.error}")
    books = stage.network.by_name.values() if stage.network else ()
    lines += [f"task {task.external_id} {task.ending}" for one in books for task in one.tasks]
    return "\n".join([*lines, *(f"{one.kind}: {one.what}" for one in findings)])


def report(told: Told, wall_s: float) -> str:
    """Return the figures as a person reads them."""
    lines = [f"{told.jobs} jobs, {told.interactions} interactions, {told.faults.total()} faults"]
    groups: Counter[str] = Counter()
    for name, count in told.faults.items():
        groups[name.partition(":")[0]] += count
    lines += [f"  {count:8d}  {name}" for name, count in groups.most_common()]
    lines += ["How they ended:"]
    lines += [f"  {count:8d}  {name}" for name, count in told.ends.most_common()]
    virtual = dt.timedelta(seconds=round(told.virtual_s))
    lines += [
        f"{told.webhooks} webhooks taken, {told.dead_letters} in the dead-letter queue;"
        f" {told.runs} runs; {virtual} of virtual time in {wall_s:.0f} s",
        "",
    ]
    lines += [f"{kind:>16}: {told.wrong[kind]}" for kind in KINDS]
    return "\n".join([*lines, *told.details[:50]])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the figures and one line of JSON; 1 unless all that must be zero is."""
    parser = argparse.ArgumentParser(prog="python -m bench.reliability", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--faults", type=float, default=20, help="percent of interactions (20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", type=int, help="run one job by its number, and tell its story")
    options = parser.parse_args(arguments)
    if options.only is not None:
        print(story(options.seed, options.only, options.faults / 100))
        return 0
    begun = time.monotonic()
    told = run(options.jobs, options.faults, options.seed, options.processes)
    wall_s = time.monotonic() - begun
    print(report(told, wall_s))
    figures = {
        "jobs": told.jobs,
        "faults_percent": options.faults,
        "seed": options.seed,
        **{kind.replace(" ", "_"): told.wrong[kind] for kind in KINDS},
        "ends": dict(told.ends),
        "faults": dict(told.faults),
        "virtual_s": round(told.virtual_s),
        "wall_s": round(wall_s, 1),
    }
    print(json.dumps({"reliability": figures}))
    return 1 if told.wrong.total() else 0


if __name__ == "__main__":
    sys.exit(main())
