"""After a restart: `python -m tools.reattach --table NAME --machine ARN`, with two orders on stdin.

1. A line of JSON: the tasks that vendors have. One that the ledger has forgotten is claimed for its
   attempt, so that it is looked up and not ordered again; one that belongs to no attempt is told.
2. The word `continue`: every job whose execution died gets a new run.

The answers are lines on standard output; each order's end with an empty one.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dailies.adapters.aws_clients import client
from dailies.adapters.clock import SystemClock
from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.adapters.stepfunctions_workflow import StepFunctionsWorkflow
from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Draft
from dailies.domain.events import EventType
from dailies.domain.ids import ATTEMPT_ID, parse_attempt_id
from dailies.domain.jobs import LIVE_STATES, JobState, Stage
from dailies.domain.ports import Clock, ExecutionStatus, Ledger, Snapshot, Workflow
from dailies.domain.waiting import sweep_at
from dailies.services.open_run import open_run
from dailies.services.recording import record

_MOST_DEAD_RUNS = 50
"""Executions may be known that the ledger has forgotten: their names cannot be used again."""


@dataclass(frozen=True)
class VendorTask:
    """A task, as its vendor tells of it."""

    vendor: str
    task_id: str
    external_id: str
    model: str
    created_at: dt.datetime

    @classmethod
    def read(cls, vendor: str, row: Mapping[str, Any]) -> VendorTask:
        """Return the task that a simulator's report shows."""
        created_at = dt.datetime.fromtimestamp(row["created_at"], dt.UTC)
        return cls(vendor, row["id"], row["external_id"], row["model"], created_at)

    def __str__(self) -> str:
        return f"{self.vendor} has task {self.task_id} (external id {self.external_id or 'none'})"


def claim(task: VendorTask, ledger: Ledger, clock: Clock) -> str | None:
    """Return what is to be told of a task that the ledger does not know; None where it does.

    An attempt that stands before its paid call, while the vendor has its task, turns `unknown`:
    from there on it is only looked up.
    """
    found = ATTEMPT_ID.search(task.external_id)
    named = parse_attempt_id(found[0]) if found else None
    if named is None:
        return f"{task}, which no job of ours asked for. It may be charged."
    job_id, number = named
    snapshot = ledger.snapshot(job_id)
    if snapshot is None:
        return f"{task}, but its job {job_id} was lost. It may be charged, and is left alone."
    attempt = snapshot.attempt(number)
    if attempt is not None and attempt.state is not AttemptState.RESERVED:
        return None

    def build(seen: Snapshot) -> Draft | None:
        return _claimed(seen, number, task, clock.now())

    _, written = record(ledger, snapshot, snapshot.job.run, build)
    if written:
        return f"{task}, which the ledger had forgotten: {job_id} takes it up and orders no other."
    return f"{task}, which {job_id} does not know. It may be charged, and is left alone."


def _claimed(seen: Snapshot, number: int, task: VendorTask, now: dt.datetime) -> Draft | None:
    job, attempt, model = seen.job, seen.attempt(number), f"{task.vendor}/{task.model}"
    if job.terminal:
        return None
    begun = Draft(job=job, now=now, states=frozenset({job.state})).set(due_at=sweep_at(now))
    if attempt is None:
        if number != job.attempt + 1 or model not in job.routes:
            return None
        route = job.routes.index(model)
        attempt = Attempt(
            job_id=job.job_id,
            number=number,
            attempt_id=_attempt_id(task),
            route=route,
            vendor=task.vendor,
            model=task.model,
            created_at=task.created_at,
        )
        begun.set(attempt=number, route=route, stage=Stage.SUBMITTING, stage_at=now)
        data = {"attempt": number, "vendor": task.vendor, "model": task.model}
        begun.event(EventType.ATTEMPT_RESERVED, **data)
        was = None
    elif attempt.number == job.attempt and attempt.state is AttemptState.RESERVED:
        was = AttemptState.RESERVED
    else:
        return None
    if job.state is JobState.QUEUED:
        begun.set(state=JobState.RUNNING).event(EventType.JOB_STARTED)
    begun.event(EventType.ATTEMPT_UNKNOWN, attempt=number, code="ledger_restored")
    unknown = {
        "state": AttemptState.UNKNOWN,
        "submitting_at": task.created_at,
        "submits": attempt.submits + 1,
    }
    return begun.write_attempt(attempt.model_copy(update=unknown), was=was)


def _attempt_id(task: VendorTask) -> str:
    found = ATTEMPT_ID.search(task.external_id)
    if found is None:
        raise AssertionError("Only a task that names its attempt is claimed.")
    return found[0]


def resume(job_id: str, ledger: Ledger, workflow: Workflow, clock: Clock) -> bool:
    """Give a live job whose execution has died a new run, and return whether one was needed.

    The host's end is no fault of the job: it counts against no limit of automatic runs.
    """
    snapshot = ledger.snapshot(job_id)
    if snapshot is None or snapshot.job.terminal or snapshot.job.parked:
        return False
    status = workflow.status(job_id, snapshot.job.run)
    if status is ExecutionStatus.ABSENT:
        return workflow.start(job_id, snapshot.job.run)
    needed = status is ExecutionStatus.ENDED
    for _ in range(_MOST_DEAD_RUNS):
        if status is not ExecutionStatus.ENDED:
            break
        snapshot = open_run(
            snapshot, ledger=ledger, workflow=workflow, clock=clock, automatic=False
        )
        status = workflow.status(job_id, snapshot.job.run)
        snapshot = ledger.snapshot(job_id) or snapshot
        if snapshot.job.terminal:  # it was quick
            break
    return needed


def live_jobs(table: str, dynamodb: Any) -> Iterator[str]:
    """Yield every job that has not ended. Reads the whole table: for a laptop's."""
    states = {f":s{i}": {"S": state} for i, state in enumerate(sorted(LIVE_STATES))}
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ConsistentRead=True,
        FilterExpression=f"sk = :job AND #state IN ({', '.join(states)})",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":job": {"S": "JOB"}, **states},
    )
    for page in pages:
        for row in page["Items"]:
            yield row["job_id"]["S"]


def _exists(table: str) -> bool:
    dynamodb = client("dynamodb")
    try:
        dynamodb.describe_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Follow the orders on standard input; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.reattach", description=__doc__)
    parser.add_argument("--table", required=True, help="the ledger's table")
    parser.add_argument("--machine", required=True, help="ARN of the state machine `generate`")
    given = parser.parse_args(arguments)
    clock = SystemClock()
    ledger = DynamoDbLedger(given.table, client("dynamodb"))
    workflow = StepFunctionsWorkflow(client("stepfunctions"), given.machine)
    for order in sys.stdin:
        if not _exists(given.table):  # the emulator was killed before it had ever saved it
            lines = []
        elif order.strip() == "continue":
            jobs = [
                job_id
                for job_id in live_jobs(given.table, client("dynamodb"))
                if resume(job_id, ledger, workflow, clock)
            ]
            lines = [f"{job_id} goes on." for job_id in jobs]
        else:
            reports: dict[str, list[dict[str, Any]]] = json.loads(order)
            tasks = [VendorTask.read(name, row) for name, rows in reports.items() for row in rows]
            lines = [told for task in tasks if (told := claim(task, ledger, clock))]
        sys.stdout.write("".join(f"{line}\n" for line in [*lines, ""]))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
