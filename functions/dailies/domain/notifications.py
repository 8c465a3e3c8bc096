"""What the outside is told of an event: to which sinks, in which words. Pure.

A message holds references and facts, never a signed URL, a secret, or where the message goes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

from dailies.domain.deliveries import DeliveryRef, Sink
from dailies.domain.events import TERMINAL, Event, EventType
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import Job

_TOLD_ALWAYS = TERMINAL | {EventType.JOB_LATE_ASSET}
"""What nobody has to ask for: the end, and a result that came after it."""


def sinks_of(event: Event, job: Job) -> tuple[Sink, ...]:
    """Return the sinks that are told of an event, as the job's `notify` asks.

    Email is for people: it tells ends only. `job.parked` is the operator's: the bus alone.
    """
    notify = job.request.notify
    told_always = event.type in _TOLD_ALWAYS
    if not told_always and event.type.value not in notify.events:
        return ()
    wanted = {
        Sink.WEBHOOK: notify.webhook is not None,
        Sink.EMAIL: bool(notify.email) and told_always,
        Sink.SNS: notify.sns,
    }
    return tuple(sink for sink, asked in wanted.items() if asked)


def bus_detail(event: Event, job: Job) -> dict[str, Any]:
    """Return the event's detail on the bus: what rules filter on, without addresses or messages."""
    facts = job_facts(job)
    facts["error"] = job.error.code if job.error else None
    return {
        "v": 1,
        "event_id": event.event_id,
        "type": event.type.value,
        "at": iso(event.at),
        "tenant": event.tenant,
        "seq": event.seq,
        "sinks": [sink.value for sink in sinks_of(event, job)],
        **facts,
    }


def webhook_body(event: Event, job: Job) -> bytes:
    """Return a webhook's body: compact JSON with type, timestamp and data (Standard Webhooks)."""
    message = {
        "type": event.type.value,
        "timestamp": iso(event.at),
        "data": {"seq": event.seq, **job_facts(job)},
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def topic_message(event: Event, job: Job) -> tuple[str, str, dict[str, str]]:
    """Return subject, JSON text and filterable attributes of an announcement."""
    message = {
        "event_id": event.event_id,
        "type": event.type.value,
        "timestamp": iso(event.at),
        "tenant": event.tenant,
        "data": {"seq": event.seq, **job_facts(job)},
    }
    attributes = {"type": event.type.value, "tenant": event.tenant, "job_id": event.job_id}
    return f"{event.type.value} {event.job_id}", json.dumps(message, ensure_ascii=False), attributes


def job_facts(job: Job) -> dict[str, Any]:
    """Return what a receiver may know of a job: as it is now, not as it was at the event.

    Its members are named as in `GET /v1/jobs/{id}`, which tells more.
    """
    return {
        "job_id": job.job_id,
        "kind": job.request.kind.value,
        "model": job.request.model,
        "state": job.state.value,
        "stage": job.stage.value,
        "progress": job.progress.model_dump(mode="json"),
        "attempt": _attempt(job),
        "outputs": [_output(asset_id) for asset_id in job.assets],
        "warnings": [warning.model_dump(mode="json") for warning in job.warnings],
        "error": job.error.model_dump(mode="json") if job.error else None,
        "charged": job.charged.value,
        "cost_usd": format(job.cost_usd, "f"),
        "metadata": dict(job.request.metadata),
        "created_at": iso(job.created_at),
        "finished_at": iso(job.finished_at) if job.finished_at else None,
        "links": {"self": f"/v1/jobs/{job.job_id}"},
    }


def _attempt(job: Job) -> dict[str, Any] | None:
    if job.attempt == 0:
        return None
    vendor, _, model = job.routes[job.route].partition("/")
    return {
        "number": job.attempt,
        "attempt_id": attempt_id(job.job_id, job.attempt),
        "vendor": vendor,
        "model": model,
    }


def _output(asset_id: str) -> dict[str, str]:
    path = f"/v1/assets/{asset_id}"
    return {"asset_id": asset_id, "asset": path, "download": f"{path}/download-url"}


def delivery_ref(event: Event) -> DeliveryRef:
    """Return the reference under which an event is queued and delivered."""
    return DeliveryRef(event_id=event.event_id, job_id=event.job_id, seq=event.seq)


def email_sink(address: str) -> str:
    """Return the delivery log's name for one address, which it does not hold."""
    return "email-" + hashlib.sha256(address.lower().encode()).hexdigest()[:16]


def iso(at: dt.datetime) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
