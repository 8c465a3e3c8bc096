"""What one job costs: AWS calls, transitions, Lambda milliseconds, request units, dollars.

The real definition, handlers and ledger run on a virtual clock over DynamoDB in memory (moto),
whose calls are counted as they leave botocore. Where time cannot be measured off AWS it is allowed
for by `ALLOWED_MS`. `python -m bench.job_cost` prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import boto3
from moto import mock_aws

from bench.prices import lambda_usd, usd
from bench.waiting import quiet
from dailies.adapters.dynamodb_latency import DynamoDbLatency
from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.domain.assets import StoredPart
from dailies.domain.events import PUBLISHED, Event
from dailies.domain.notifications import delivery_ref, sinks_of
from dailies.domain.ports import Inspection
from dailies.handlers import deliver_webhook, publish
from dailies.services.deliver_webhook import DeliverWebhookPorts
from dailies.services.probe import ProbePorts
from dailies.services.publish import PublishPorts
from tests.fakes.notification import MemoryEndpoints, MemoryPoster, MemorySecrets
from tests.fakes.vendor import VendorBook
from tests.storage.doubles import MemoryMedia
from tests.unit.adapters.conftest import TABLE, create_table
from tests.workflow.stage import Stage, two_vendors
from tests.workflow.wiring import Context, FixedInspector, Wiring

ALLOWED_MS: Mapping[str, float] = {"invocation": 15, "aws call": 8, "vendor call": 300}
"""What an invocation takes: its own work, and each call that it waits for."""
MEDIA_MS = {"Store": 2500, "Probe": 2500, "Check": 1000}
"""To move a file of 10 MB, and to decode and to measure five seconds of it."""
MEMORY_MB = {"Store": 512, "Probe": 1769, "Check": 1769, "Api": 1024}
_SMALL_MB = 256
WAYS = {"callback": "kling/kling-3.0", "holding poll": "google/veo-3.1-generate-001"}
_DURATION_S = 85.0


@dataclass
class Bill:
    """What a job used."""

    calls: Counter[str] = field(default_factory=Counter)
    transitions: int = 0
    lambda_ms: Counter[str] = field(default_factory=Counter)
    invocations: Counter[str] = field(default_factory=Counter)
    read_units: float = 0
    write_units: float = 0
    http_requests: int = 0

    def usd(self) -> dict[str, float]:
        """Return what AWS charges for it, by service."""
        prices = usd()
        functions = sum(
            lambda_usd(ms / 1000, MEMORY_MB.get(name, _SMALL_MB), self.invocations[name])
            for name, ms in self.lambda_ms.items()
        )
        puts = sum(n for call, n in self.calls.items() if call in _S3_PUTS)
        gets = sum(n for call, n in self.calls.items() if call in {"s3:GetObject", "s3:HeadObject"})
        return {
            "Step Functions": prices["state_transition"] * self.transitions,
            "Lambda": functions,
            "DynamoDB": prices["dynamodb_read_unit"] * self.read_units
            + prices["dynamodb_write_unit"] * self.write_units,
            "S3": prices["s3_put"] * puts + prices["s3_get"] * gets,
            "EventBridge and SQS": prices["event_published"] * self.calls["events:PutEvents"]
            + prices["sqs_request"] * 3 * self.calls["sqs:SendMessage"],
            "HTTP API": prices["http_api_request"] * self.http_requests,
        }


_S3_PUTS = {
    "s3:CreateMultipartUpload",
    "s3:UploadPart",
    "s3:CompleteMultipartUpload",
    "s3:PutObject",
}


class _Media(MemoryMedia):
    """A bucket in memory that counts."""

    def __init__(self, calls: Counter[str]) -> None:
        super().__init__()
        self._calls = calls

    def begin(self, key: str, content_type: str) -> str:
        self._calls["s3:CreateMultipartUpload"] += 1
        return super().begin(key, content_type)

    def put_part(
        self, key: str, upload_id: str, number: int, data: bytes | bytearray | memoryview
    ) -> StoredPart:
        self._calls["s3:UploadPart"] += 1
        return super().put_part(key, upload_id, number, data)

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> str:
        self._calls["s3:CompleteMultipartUpload"] += 1
        return super().complete(key, upload_id, parts)

    def head(self, key: str) -> Any:
        self._calls["s3:HeadObject"] += 1
        return super().head(key)


class _Inspector(FixedInspector):
    """Reads a file's head and its end, and puts a poster."""

    def __init__(self, calls: Counter[str]) -> None:
        self._calls = calls

    def inspect(self, key: str, size_bytes: int, *, sha256: str | None = None) -> Inspection:
        self._calls["s3:GetObject"] += 3
        self._calls["s3:PutObject"] += 1
        return super().inspect(key, size_bytes, sha256=sha256)


class _Wiring(Wiring):
    def probe_ports(self) -> ProbePorts:
        ports = super().probe_ports()
        inspector = _Inspector(self.media._calls)  # type: ignore[attr-defined]
        return replace(ports, inspector=inspector)


class _Ledger(DynamoDbLedger):
    """The real ledger, with what the state Await does by itself."""

    def __init__(self, client: Any) -> None:
        super().__init__(TABLE, client)
        self._own = client

    def put_token(self, job_id: str, *, run: int, seen: int, token: str) -> None:
        self._own.update_item(
            TableName=TABLE,
            Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}},
            UpdateExpression="SET #token = :token",
            ConditionExpression="signal_seq = :seen AND #run = :run",
            ExpressionAttributeNames={"#token": "token", "#run": "run"},
            ExpressionAttributeValues={
                ":token": {"S": token * 12},  # a real one has about 600 characters
                ":seen": {"N": str(seen)},
                ":run": {"N": str(run)},
            },
        )


class _Meter:
    """Counts botocore's calls to DynamoDB, and the units that each takes."""

    def __init__(self, client: Any, bill: Bill) -> None:
        self._bill, self._client = bill, client
        self._looking = False
        client.meta.events.register("provide-client-params.dynamodb", self._sent)
        client.meta.events.register("after-call.dynamodb", self._answered)

    def _sent(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        if self._looking:
            return
        self._bill.calls[f"dynamodb:{model.name}"] += 1
        if model.name == "TransactWriteItems":
            for item in params["TransactItems"]:
                (action,) = item.values()
                self._wrote(action, 2)
        elif model.name in {"UpdateItem", "PutItem"}:
            self._wrote(params, 1)

    def _wrote(self, action: Mapping[str, Any], factor: int) -> None:
        row = action.get("Item") or self._row(action["Key"]) or {}
        units = max(1, math.ceil(_bytes(row) / 1024))
        self._bill.write_units += factor * units
        if "tenant_pk" in row:
            self._bill.write_units += 2 * units  # the index by_tenant, and what else changed
        if "due_pk" in row:
            self._bill.write_units += 2 * units  # out of its old place in the index, into the new

    def _row(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self._looking = True
        try:
            return self._client.get_item(TableName=TABLE, Key=key).get("Item")
        finally:
            self._looking = False

    def _answered(self, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        if self._looking or model.name not in {"GetItem", "Query"}:
            return
        rows = parsed.get("Items", [parsed.get("Item", {})])
        size = sum(_bytes(row) for row in rows)
        self._bill.read_units += max(1, math.ceil(size / 4096))  # all of them consistent


def _bytes(row: Mapping[str, Any]) -> int:
    return len(json.dumps(row, separators=(",", ":")))


def bill_of(model: str) -> Bill:
    """Run one job with one webhook, and return what it used."""
    bill = Bill()
    with mock_aws():
        dynamodb = boto3.client(
            "dynamodb",
            region_name="eu-west-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106
        )
        create_table(dynamodb)
        stage = two_vendors(sweeping=False)
        _Meter(dynamodb, bill)
        _put_on_aws(stage, dynamodb, bill)
        _run(stage, model, bill)
    return bill


def _put_on_aws(stage: Stage, dynamodb: Any, bill: Bill) -> None:
    """Give the stage the real ledger, and count what its functions do."""
    stage.ledger = _Ledger(dynamodb)  # type: ignore[assignment]
    stats = DynamoDbLatency(TABLE, dynamodb, stage.clock)
    stage.wiring = _Wiring(
        stage.ledger,
        stage.clock,
        VendorBook(dict(stage.vendors)),
        media=_Media(bill.calls),
        stats=stats,
    )
    for vendor in stage.vendors.values():
        vendor.duration_s = _DURATION_S
        vendor.interrupt = lambda phase, call: _vendor_called(bill, phase)
    stage.handlers = {
        name: partial(_invoked, stage, bill, name, invoke)
        for name, invoke in stage.wiring.functions().items()
    }


def _vendor_called(bill: Bill, phase: str) -> None:
    if phase == "before":
        bill.calls["vendor"] += 1


def _invoked(stage: Stage, bill: Bill, name: str, invoke: Any, *args: Any) -> Any:
    """Run a function, and book its time: what it slept, and what is allowed for its calls."""
    slept_from, before = stage.clock.monotonic(), bill.calls.total()
    vendor_before = bill.calls["vendor"]
    try:
        return invoke(*args)
    finally:
        vendor_calls = bill.calls["vendor"] - vendor_before
        aws_calls = bill.calls.total() - before - vendor_calls
        slept_ms = 1000 * (stage.clock.monotonic() - slept_from)
        own_ms = (
            ALLOWED_MS["invocation"]
            + ALLOWED_MS["aws call"] * aws_calls
            + ALLOWED_MS["vendor call"] * vendor_calls
            + MEDIA_MS.get(name, 0)
        )
        bill.lambda_ms[name] += round(slept_ms + own_ms)
        bill.invocations[name] += 1


def _run(stage: Stage, model: str, bill: Bill) -> None:
    webhook = {"webhook": {"url": "https://hooks.example.com/x"}}
    job_id = _invoked(stage, bill, "Api", lambda: stage.create(model=model, notify=webhook))
    bill.http_requests += 1
    stage.run()
    walk = stage.walks[f"{job_id}-1"]
    bill.transitions += len(walk.visited)
    bill.calls["states:StartExecution"] += 1
    if model == WAYS["callback"]:
        bill.calls["states:SendTaskSuccess"] += 1
        # Kling tells of three changes of status.
        bill.http_requests += 3
        bill.invocations["ProviderCallback"] += 3
        bill.lambda_ms["ProviderCallback"] += 3 * 40
    for event in stage.ledger.events(job_id, limit=1000):
        if event.type in PUBLISHED:
            _tell(stage, bill, event)


def _tell(stage: Stage, bill: Bill, event: Event) -> None:
    """Publish an event, and deliver it where somebody asked for it."""
    row = {
        "job_id": {"S": event.job_id},
        "seq": {"N": str(event.seq)},
        "event_id": {"S": event.event_id},
    }
    batch = {"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": row}}]}
    ports = PublishPorts(stage.ledger, _Bus(bill.calls))
    _invoked(stage, bill, "Publish", lambda: publish.handler(batch, Context(), ports))
    job = stage.ledger.job(event.job_id)
    if job is None or not sinks_of(event, job):
        return
    bill.calls["sqs:SendMessage"] += 1
    bill.calls["states:StartExecution"] += 1
    bill.invocations["StartWebhook"] += 1
    bill.lambda_ms["StartWebhook"] += 25
    bill.transitions += 1
    poster = MemoryPoster()
    deliveries = DeliverWebhookPorts(
        ledger=stage.ledger,
        endpoints=MemoryEndpoints(),
        poster=poster,
        secrets=MemorySecrets(),
        clock=stage.clock,
    )
    reference = delivery_ref(event).model_dump(mode="json")
    _invoked(
        stage,
        bill,
        "DeliverWebhook",
        lambda: deliver_webhook.handler(reference, Context(), deliveries),
    )


@dataclass
class _Bus:
    """The EventBus port: counts."""

    calls: Counter[str]

    def put(self, event: Event, detail: Mapping[str, Any]) -> None:
        self.calls["events:PutEvents"] += 1


def figures(bill: Bill) -> dict[str, Any]:
    """Return a bill as JSON."""
    dollars = bill.usd()
    return {
        "aws_calls": {k: v for k, v in sorted(bill.calls.items()) if k != "vendor"},
        "aws_calls_total": bill.calls.total() - bill.calls["vendor"],
        "vendor_calls": bill.calls["vendor"],
        "transitions": bill.transitions,
        "lambda_ms": dict(bill.lambda_ms),
        "lambda_ms_total": bill.lambda_ms.total(),
        "read_units": bill.read_units,
        "write_units": bill.write_units,
        "usd_per_1000": {name: round(1000 * value, 4) for name, value in dollars.items()},
        "usd_per_1000_total": round(1000 * sum(dollars.values()), 3),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print table and JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.job_cost", description=__doc__)
    parser.parse_args(arguments)
    with quiet():
        found = {way: figures(bill_of(model)) for way, model in WAYS.items()}
    print(f"One job of {_DURATION_S:.0f} s with one webhook:")
    rows = ("aws_calls_total", "vendor_calls", "transitions", "lambda_ms_total", "read_units")
    for name in (*rows, "write_units", "usd_per_1000_total"):
        print(f"  {name:<22}" + "".join(f"{way}: {found[way][name]:<12}" for way in WAYS))
    for service in next(iter(found.values()))["usd_per_1000"]:
        parts = (f"{way}: {found[way]['usd_per_1000'][service]:<12}" for way in WAYS)
        print(f"    $/1000, {service:<20}" + "".join(parts))
    print(json.dumps({"job_cost": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
