"""Sustained creates: how many jobs a second the API's handler takes, and the CPU of each.

The handler runs in process with the real ledger and workflow adapters, against an endpoint on
loopback (`stub_aws.py`). Then the quota arithmetic of `load.py`. `python -m bench.creates
[--seconds 8] [--processes 2]` prints both and one line of JSON; exit status 1 where a create takes
more CPU than promised, or a create that Step Functions throttles is not taken with 202.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.load import loads, table
from bench.stub_aws import stub_aws
from bench.waiting import quiet
from dailies.handlers.api import handler
from tests.fakes.api import ApiFakes, api_event

CPU_GOAL_MS = 15.0
_ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:generate"
_BODY = {
    "kind": "text_to_video",
    "model": "kling/kling-3.0",
    "prompt": "A heron at dawn over a still lake, slow pan",
    "notify": {"webhook": {"url": "https://hooks.example.com/dailies"}},
}


def _ports(endpoint: str) -> ApiFakes:
    import boto3
    from botocore.config import Config

    from dailies.adapters.clock import SystemClock
    from dailies.adapters.dynamodb_ledger import DynamoDbLedger
    from dailies.adapters.stepfunctions_workflow import StepFunctionsWorkflow

    def client(service: Any) -> Any:
        return boto3.client(
            service,
            region_name="eu-west-1",
            endpoint_url=endpoint,
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106
        )

    return ApiFakes(
        ledger=DynamoDbLedger("dailies", client("dynamodb")),  # type: ignore[arg-type]
        workflow=StepFunctionsWorkflow(client("stepfunctions"), _ARN),  # type: ignore[arg-type]
        clock=SystemClock(),  # type: ignore[arg-type]
    )


def _create(ports: ApiFakes, number: int) -> str:
    """Create one job; return the path of its page."""
    headers = {"content-type": "application/json", "idempotency-key": f"bench-{number}"}
    event = api_event("POST", "/v1/jobs", headers=headers, body=json.dumps(_BODY))
    answer = handler(event, None, ports)  # type: ignore[arg-type]
    if answer["statusCode"] != 202:
        raise RuntimeError(f"a create was answered with {answer['statusCode']}: {answer['body']}")
    return answer["headers"]["Location"]


def _read(ports: ApiFakes, path: str) -> None:
    answer = handler(api_event("GET", path), None, ports)  # type: ignore[arg-type]
    if answer["statusCode"] != 200:
        raise RuntimeError(f"a read was answered with {answer['statusCode']}")


def work(endpoint: str, seconds: float) -> tuple[int, float, float, float]:
    """Create jobs for so long; return their number, CPU and time of each, CPU of a read."""
    with quiet():
        ports = _ports(endpoint)
        path = ""
        for number in range(10):
            path = _create(ports, number)
        done, begun, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - begun < seconds:
            path = _create(ports, done)
            done += 1
        cpu_ms = 1000 * (time.process_time() - cpu) / done
        took_ms = 1000 * (time.perf_counter() - begun) / done
        cpu = time.process_time()
        for _ in range(100):
            _read(ports, path)
        return done, cpu_ms, took_ms, 1000 * (time.process_time() - cpu) / 100


def throttled_burst(creates: int = 40) -> int:
    """Return how many creates of a burst get their 202 while most of their starts are throttled."""
    with stub_aws(starts_refused_after=creates // 4) as endpoint, quiet():
        ports = _ports(endpoint)
        return sum(bool(_create(ports, number)) for number in range(creates))


def measure(seconds: float, processes: int) -> dict[str, float]:
    """Return the figures of all processes together."""
    with stub_aws() as endpoint:
        tasks = [(endpoint, seconds)] * processes
        if processes == 1:
            found = [work(*tasks[0])]
        else:
            with multiprocessing.get_context("spawn").Pool(processes) as pool:
                found = pool.starmap(work, tasks)
    total = sum(done for done, *_ in found)
    return {
        "creates": total,
        "creates_per_s": round(sum(1000 / took for _, _, took, _ in found), 1),
        "cpu_ms_per_create": round(min(cpu for _, cpu, _, _ in found), 2),
        "cpu_ms_per_read": round(min(cpu for *_, cpu in found), 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.creates", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--burst", type=int, default=8, help="creates with throttled starts (8)")
    options = parser.parse_args(arguments)
    figures = measure(options.seconds, options.processes)
    taken = throttled_burst(options.burst)
    missed = []
    if figures["cpu_ms_per_create"] > CPU_GOAL_MS:
        missed.append(f"{figures['cpu_ms_per_create']} ms of CPU per create")
    if taken != options.burst:
        missed.append(f"{options.burst - taken} creates of a burst were refused")
    print(
        f"Creates: {figures['creates_per_s']}/s in {options.processes} processes,"
        f" {figures['cpu_ms_per_create']} ms of CPU each (goal {CPU_GOAL_MS:.0f});"
        f" a read takes {figures['cpu_ms_per_read']} ms"
    )
    print(f"A burst of {options.burst} over the start quota: {taken} answered 202\n")
    print(table() + "\n")
    result = figures | {"burst_taken": taken, "loads": loads(), "missed": missed}
    print(json.dumps({"creates": result}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
