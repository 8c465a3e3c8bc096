"""Our own stores and services, failing: the ledger, the bucket, the bus, the receiver."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from bench.faulty.draws import Draws, RandomFaults
from dailies.domain.assets import StoredPart
from dailies.domain.deliveries import Delivery
from dailies.domain.errors import FetchBrokenError
from dailies.domain.events import PUBLISHED, Event
from dailies.domain.jobs import Job
from dailies.domain.ports import Provider, Snapshot
from dailies.domain.signing import webhook_secret
from tests.fakes.vendor import FixedStats
from tests.workflow.faults import TracedLedger, TracedMedia


class FaultyLedger(TracedLedger):
    """A ledger whose writes are points, whose first reads may fail, and that has a stream."""

    def __init__(self, faults: RandomFaults) -> None:
        """Strike by `faults`."""
        super().__init__(faults)
        self._random = faults
        self.streamed: Callable[[Event], None] = lambda event: None

    def snapshot(self, job_id: str) -> Snapshot | None:
        """Read the job with its attempts, unless the table does not answer."""
        self._read("snapshot")
        return super().snapshot(job_id)

    def job(self, job_id: str, *, consistent: bool = True) -> Job | None:
        """Read the job, unless the table does not answer."""
        self._read("job")
        return super().job(job_id, consistent=consistent)

    def mark_published(self, event: Event) -> None:
        """Mark the event, unless the table does not answer."""
        self._random.draws.down("mark of an event")
        super().mark_published(event)

    def record_delivery(self, delivery: Delivery) -> None:
        """Write a line of the delivery log, unless the table does not answer."""
        self._random.draws.down("delivery log")
        super().record_delivery(delivery)

    def _read(self, what: str) -> None:
        asked = f"read {what}"
        if self._random.step != "Client" and self._random.first(asked):
            self._random.draws.down(f"{asked} of the ledger")

    def _add_event(self, event: Event) -> None:
        super()._add_event(event)
        if event.type in PUBLISHED:
            self.streamed(event)


class FaultyMedia(TracedMedia):
    """A bucket that does not always answer."""

    def __init__(self, faults: RandomFaults) -> None:
        """Strike by `faults`."""
        super().__init__(faults)
        self._draws = faults.draws

    def begin(self, key: str, content_type: str) -> str:
        """Begin an upload."""
        self._draws.down("bucket's begin")
        return super().begin(key, content_type)

    def put_part(
        self, key: str, upload_id: str, number: int, data: bytes | bytearray | memoryview
    ) -> StoredPart:
        """Take a part."""
        self._draws.down("bucket's part")
        return super().put_part(key, upload_id, number, data)


@dataclass
class FaultyStats(FixedStats):
    """Learned durations, sometimes out of reach."""

    draws: Draws | None = None

    def q02(self, key: str) -> float | None:
        """Return nothing learned."""
        if self.draws:
            self.draws.down("learned durations")
        return super().q02(key)

    def record(self, key: str, seconds: float) -> None:
        """Count a duration."""
        if self.draws:
            self.draws.down("learned durations")
        super().record(key, seconds)


@dataclass
class InterruptedProvider:
    """A provider around whose calls our process may die."""

    inner: Provider
    faults: RandomFaults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in {"submit", "poll", "lookup", "cancel"}:
            return found

        def interrupted(*args: Any) -> Any:
            self.faults.at("before", f"vendor's {name}")
            answer = found(*args)
            self.faults.at("after", f"vendor's {name}")
            return answer

        return interrupted


@dataclass
class FaultyProviders:
    """The Providers port: real adapters, interrupted."""

    inner: Any
    faults: RandomFaults

    def get(self, name: str) -> Any:
        """Return the provider."""
        return InterruptedProvider(self.inner.get(name), self.faults)


@dataclass
class Receiver:
    """A customer's endpoint: takes what is signed, when it is up."""

    draws: Draws
    key: str
    now: Callable[[], dt.datetime]
    taken: list[str] = field(default_factory=list)
    unsigned: int = 0

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        """Take a webhook, or not."""
        kind = self.draws.hit("receiver", "500", "503", "no answer", "taken, no answer", "redirect")
        if kind == "no answer":
            raise FetchBrokenError("no answer")
        if kind in {"500", "503"}:
            return int(kind), b""
        if kind == "redirect":
            return 302, b""
        self._take(headers, body)
        if kind is not None:
            raise FetchBrokenError("no answer")
        return 204, b""

    def _take(self, headers: Mapping[str, str], body: bytes) -> None:
        signed = Webhook(webhook_secret(self.key, "acme")).sign(
            headers["webhook-id"],
            dt.datetime.fromtimestamp(int(headers["webhook-timestamp"]), dt.UTC),
            body.decode(),
        )
        if signed not in headers["webhook-signature"].split():
            self.unsigned += 1
        self.taken.append(headers["webhook-id"])


def record_of(event: Event) -> Mapping[str, Any]:
    """Return what the table's stream shows of an outbox event."""
    row = {
        "job_id": {"S": event.job_id},
        "seq": {"N": str(event.seq)},
        "event_id": {"S": event.event_id},
    }
    return {"dynamodb": {"SequenceNumber": event.event_id, "NewImage": row}}


def failed(answer: Mapping[str, Any]) -> Sequence[Any]:
    """Return the records of a batch that come again."""
    return answer["batchItemFailures"]
